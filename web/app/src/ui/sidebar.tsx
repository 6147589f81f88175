import { useState } from "preact/hooks";
import type { RoomId } from "@roomcast/sdk";
import { useApp } from "../app.ts";
import type { RoomEntry } from "../room_list.ts";
import { shortTime } from "../format.ts";
import { useChanges, useNow } from "../hooks.ts";
import { hashOfRoom } from "../route.ts";
import { Avatar, PresenceDot } from "./avatar.tsx";
import { Icon, IconButton, Logo } from "./icons.tsx";
import { Me } from "./me.tsx";
import { NewRoom } from "./dialogs/new_room.tsx";

interface SidebarProps {
  room: RoomId;
  open: boolean;
  isDrawer: boolean;
  onClose: () => void;
}

export function Sidebar({ room, open, isDrawer, onClose }: SidebarProps) {
  const { rooms } = useApp();
  const [creating, setCreating] = useState(false);
  return (
    <nav class="sidebar" aria-label="Rooms" inert={!open}>
      <header class="sidebar-head">
        <Logo size={28} />
        <span class="brand">Roomcast</span>
        <IconButton icon="plus" label="New room or join" onClick={() => setCreating(true)} data-testid="new-room" />
        {isDrawer && <IconButton icon="close" label="Close the room list" onClick={onClose} />}
      </header>
      <ul class="room-list">
        {rooms.entries().map((entry) => (
          <RoomItem key={entry.id} entry={entry} active={entry.id === room} onPick={onClose} />
        ))}
      </ul>
      <Me />
      {creating && <NewRoom onClose={() => setCreating(false)} />}
    </nav>
  );
}

function RoomItem({ entry, active, onPick }: { entry: RoomEntry; active: boolean; onPick: () => void }) {
  const now = useNow(60_000);
  return (
    <li>
      <a
        class="room-item"
        href={hashOfRoom(entry.id)}
        aria-current={active ? "page" : undefined}
        onClick={onPick}
        data-testid="room-item"
        data-room={entry.id}
        data-unread={entry.unread}
      >
        <RoomSign entry={entry} />
        <span class="room-item-text">
          <span class="room-item-title">
            <bdi>{entry.title}</bdi>
          </span>
          <span class="room-item-last">{entry.lastText || "No messages yet"}</span>
        </span>
        <span class="room-item-side">
          {entry.lastTime > 0 && <time>{shortTime(entry.lastTime, now)}</time>}
          {entry.unread > 0 && !(active && document.hasFocus()) && (
            <span class="badge">
              {entry.unread > 99 ? "99+" : entry.unread} <span class="visually-hidden">unread</span>
            </span>
          )}
        </span>
      </a>
    </li>
  );
}

/** Show the other person with presence, or a symbol for the kind of room. */
export function RoomSign({ entry }: { entry: RoomEntry }) {
  const { client } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  if (entry.peer === null) {
    return (
      <span class="room-sign">
        <Icon name={entry.kind === "public" ? "hash" : "lock"} size={18} />
      </span>
    );
  }
  return (
    <span class="with-dot">
      <Avatar user={entry.peer} name={entry.title} />
      <PresenceDot status={client.presence.get(entry.peer).status} user={entry.peer} />
    </span>
  );
}
