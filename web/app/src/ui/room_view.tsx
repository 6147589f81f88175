import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { ChatMessage, Room } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";
import { explain } from "../error_text.ts";
import { useRoom } from "../shared_hooks.ts";
import { Composer, type ComposerMode } from "./composer/composer.tsx";
import { RoomHeader } from "./room_header.tsx";
import { Timeline } from "./timeline/timeline_view.tsx";
import { DropZone } from "./composer/drop_zone.tsx";
import { Uploads, useFiles } from "./composer/upload_list.tsx";

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
