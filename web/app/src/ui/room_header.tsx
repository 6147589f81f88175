import { useEffect, useState } from "preact/hooks";
import type { Room } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";
import { explain } from "../error_text.ts";
import { plural } from "../format.ts";
import { useChanges, useRoom } from "../shared_hooks.ts";
import { canDescribe } from "../room_details.ts";
import type { RoomEntry } from "../room_list.ts";
import { LOBBY } from "../route.ts";
import { AboutRoom } from "./dialogs/about_room.tsx";
import { InvitePerson } from "./dialogs/invite_person.tsx";
import { CloseRoom, LeaveRoom } from "./dialogs/leave_or_close_room.tsx";
import { TransferRoom } from "./dialogs/transfer_room.tsx";
import { IconButton } from "./icons.tsx";
import { Menu, type MenuItem } from "./menu.tsx";
import { RoomIcon } from "./room_icon.tsx";

interface RoomHeaderProps {
  room: Room;
  membersShown: boolean;
  onMembers: () => void;
  onRooms: () => void;
}

type OpenDialog = "about" | "invite" | "transfer" | "leave" | "close" | null;

export function RoomHeader({ room, membersShown, onMembers, onRooms }: RoomHeaderProps) {
  const { rooms, details } = useApp();
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const { phase } = useRoom(room);
  const entry = rooms.entry(room.id);
  const isJoined = phase === "joined";
  useChanges((listener) => details.subscribe(listener), [details]);
  useEffect(() => {
    if (isJoined && entry.kind !== "direct") void details.load(room.id);
  }, [room.id, isJoined]);
  const items = useItems(entry, setDialog);
  return (
    <header class="room-head">
      <IconButton icon="menu" label="Rooms" class="only-narrow" onClick={onRooms} data-testid="open-rooms" />
      <RoomIcon entry={entry} />
      <div class="room-head-text">
        <h1>
          <bdi>{entry.title}</bdi>
        </h1>
        <Subtitle room={room} peer={entry.peer} onTopic={() => setDialog("about")} />
      </div>
      {entry.kind === "private" && (
        <IconButton icon="invite" label="Invite somebody" onClick={() => setDialog("invite")} data-testid="invite" />
      )}
      {items.length > 0 && <Menu label="More about this room" id="room-menu" items={items} />}
      <IconButton
        icon="people"
        label={membersShown ? "Hide people" : "Show people"}
        aria-pressed={membersShown}
        onClick={onMembers}
        data-testid="toggle-members"
      />
      <Dialogs entry={entry} open={dialog} onClose={() => setDialog(null)} />
    </header>
  );
}

/** Return the items of the menu, which depend on the kind of room and the user's role. */
function useItems(entry: RoomEntry, open: (dialog: OpenDialog) => void): MenuItem[] {
  const { client, details, note, rooms, go } = useApp();
  const info = details.of(entry.id);
  const isOnline = client.state.phase === "online";
  const hide = () => {
    rooms.leave(entry.id).catch((error: unknown) => note(explain(error)));
    go(LOBBY);
  };
  const items: (MenuItem | false)[] = [
    info !== null && {
      icon: canDescribe(info) ? "pencil" : "info",
      label: canDescribe(info) ? "Name and topic" : "About this room",
      id: "about",
      onPick: () => open("about"),
    },
    entry.kind !== "direct" && {
      icon: "link",
      label: "Copy a link",
      id: "share",
      onPick: () => void copyLink(note),
    },
    info?.role === "owner" && {
      icon: "key",
      label: "Transfer ownership",
      id: "transfer",
      onPick: () => open("transfer"),
    },
    info?.role === "owner" && {
      icon: "trash",
      label: "Close for everybody",
      id: "close-room",
      onPick: () => open("close"),
      isDanger: true,
    },
    isOnline &&
      entry.id !== LOBBY && {
        icon: "door",
        label: entry.kind === "direct" ? "Hide until a new message" : "Leave for good",
        id: "leave",
        onPick: entry.kind === "direct" ? hide : () => open("leave"),
        isDanger: entry.kind !== "direct",
      },
  ];
  return items.filter((item) => item !== false);
}

function Dialogs({ entry, open, onClose }: { entry: RoomEntry; open: OpenDialog; onClose: () => void }) {
  const { details } = useApp();
  const info = details.of(entry.id);
  if (open === "invite") return <InvitePerson room={entry.id} onClose={onClose} />;
  if (open === "leave") return <LeaveRoom entry={entry} onClose={onClose} />;
  if (open === "close") return <CloseRoom entry={entry} onClose={onClose} />;
  if (open === "transfer") return <TransferRoom entry={entry} onClose={onClose} />;
  if (open === "about" && info) return <AboutRoom info={info} title={entry.title} onClose={onClose} />;
  return null;
}

/** The line below the name: who is here, and the topic; in a direct room the other person's presence and note. */
function Subtitle({ room, peer, onTopic }: { room: Room; peer: string | null; onTopic: () => void }) {
  const { client, notes, details } = useApp();
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
  const topic = details.of(room.id)?.topic;
  return (
    <p class="muted about">
      <span>{plural(Math.max(state.occupancy, state.members.length), "person", "people")} here</span>
      {topic && (
        <button type="button" class="topic" onClick={onTopic} title={topic} data-testid="topic">
          <bdi>{topic}</bdi>
        </button>
      )}
    </p>
  );
}

async function copyLink(note: (text: string) => void): Promise<void> {
  try {
    await navigator.clipboard.writeText(location.href);
    note("Link copied");
  } catch {
    // Browsers allow the clipboard only on https and localhost. Show the link, so that the user can copy it by hand.
    window.prompt("Link to this room", location.href);
  }
}
