import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { ChatMessage, Room } from "@roomcast/sdk";
import { explain, useApp } from "../app.ts";
import { plural } from "../format.ts";
import { useChanges, useRoom } from "../hooks.ts";
import { LOBBY } from "../route.ts";
import { Composer, type ComposerMode } from "./composer/composer.tsx";
import { IconButton } from "./icons.tsx";
import { Invite } from "./dialogs/invite.tsx";
import { LeaveRoom } from "./dialogs/leave_room.tsx";
import { RoomSign } from "./room_sign.tsx";
import { Timeline } from "./timeline/message_list.tsx";
import { DropZone, Uploads, useFiles } from "./composer/upload_list.tsx";

interface RoomViewProps {
  room: Room;
  membersShown: boolean;
  onMembers: () => void;
  onRooms: () => void;
  banner: ComponentChildren;
}

export function RoomView({ room, membersShown, onMembers, onRooms, banner }: RoomViewProps) {
  const [mode, setMode] = useState<ComposerMode>({ type: "write" });
  const sendFiles = useFiles(room.id);
  const state = useRoom(room);
  return (
    <main class="room">
      <RoomHeader room={room} membersShown={membersShown} onMembers={onMembers} onRooms={onRooms} />
      {banner}
      {state.phase === "refused" ? (
        <Refused room={room} />
      ) : (
        <DropZone onFiles={sendFiles}>
          <Timeline
            room={room}
            onReply={(message: ChatMessage) => setMode({ type: "reply", message })}
            onEdit={(message: ChatMessage) => setMode({ type: "edit", message })}
          />
          <Uploads room={room.id} />
          <Composer room={room} mode={mode} onMode={setMode} onFiles={sendFiles} />
        </DropZone>
      )}
    </main>
  );
}

function RoomHeader({ room, membersShown, onMembers, onRooms }: Omit<RoomViewProps, "banner">) {
  const { rooms, client, go, note } = useApp();
  const [dialog, setDialog] = useState<"invite" | "leave" | null>(null);
  const entry = rooms.entry(room.id);
  const close = () => setDialog(null);
  const leave = () => {
    if (entry.kind === "private") return setDialog("leave");
    void rooms.leave(room.id);
    go(LOBBY);
  };
  return (
    <header class="room-head">
      <IconButton icon="menu" label="Rooms" class="only-narrow" onClick={onRooms} data-testid="open-rooms" />
      <RoomSign entry={entry} />
      <div class="room-head-text">
        <h1>
          <bdi>{entry.title}</bdi>
        </h1>
        <Subtitle room={room} peer={entry.peer} />
      </div>
      {entry.kind === "private" && (
        <IconButton icon="invite" label="Invite somebody" onClick={() => setDialog("invite")} data-testid="invite" />
      )}
      {entry.kind !== "direct" && (
        <IconButton
          icon="link"
          label="Copy a link to this room"
          onClick={() => void copyLink(note)}
          data-testid="share"
        />
      )}
      {room.id !== LOBBY && client.state.phase === "online" && (
        <IconButton icon="door" label="Leave this room" onClick={leave} data-testid="leave" />
      )}
      <IconButton
        icon="people"
        label={membersShown ? "Hide people" : "Show people"}
        aria-pressed={membersShown}
        onClick={onMembers}
        data-testid="toggle-members"
      />
      {dialog === "invite" && <Invite room={room.id} onClose={close} />}
      {dialog === "leave" && <LeaveRoom entry={entry} onClose={close} />}
    </header>
  );
}

function Subtitle({ room, peer }: { room: Room; peer: string | null }) {
  const { client, notes } = useApp();
  const state = useRoom(room);
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  useChanges((listener) => notes.subscribe(listener), [notes]);
  if (state.phase !== "joined") return <p class="muted">{state.phase === "refused" ? "Not joined" : "Joining…"}</p>;
  if (peer !== null) {
    const { status, note } = client.presence.get(peer);
    const text = note || notes.of(peer);
    return (
      <p class="muted">
        {text ? <bdi>{text}</bdi> : { online: "Online", away: "Away", busy: "Busy", offline: "Offline" }[status]}
      </p>
    );
  }
  return <p class="muted">{plural(Math.max(state.occupancy, state.members.length), "person", "people")} here</p>;
}

function Refused({ room }: { room: Room }) {
  const { client } = useApp();
  const { error } = client.room(room.id).state;
  return (
    <div class="empty">
      <h2>You cannot enter this room</h2>
      <p class="muted">
        {error?.reason === "forbidden" || error?.reason === "not_found"
          ? "It is private or does not exist. Ask a member to invite you."
          : error && explain(error)}
      </p>
      <button type="button" class="button" onClick={() => room.join()}>
        Try again
      </button>
    </div>
  );
}

async function copyLink(note: (text: string) => void): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    note("Link copied");
  } catch {
    // Browsers offer no clipboard on plain http beyond localhost: show the link, so that it can be copied by hand.
    window.prompt("Link to this room", location.href);
  }
}
