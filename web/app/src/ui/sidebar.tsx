import { useEffect, useState } from "preact/hooks";
import type { RoomId } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";
import type { RoomEntry } from "../room_list.ts";
import { shortTime } from "../format.ts";
import { useNow } from "../shared_hooks.ts";
import { hashOfRoom } from "../route.ts";
import { IconButton, Logo } from "./icons.tsx";
import { RoomIcon } from "./room_icon.tsx";
import { OwnStatusBar } from "./own_status_bar.tsx";
import { BrowseRooms } from "./dialogs/browse_rooms.tsx";
import { NewRoom } from "./dialogs/new_room.tsx";
import { RoomSwitcher } from "./dialogs/room_switcher.tsx";

interface SidebarProps {
  room: RoomId;
  open: boolean;
  isDrawer: boolean;
  onClose: () => void;
}

export function Sidebar({ room, open, isDrawer, onClose }: SidebarProps) {
  const { rooms } = useApp();
  const [creating, setCreating] = useState(false);
  const [browsing, setBrowsing] = useState(false);
  const [switching, setSwitching] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      event.preventDefault();
      setSwitching(true);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  // The dialogs are outside of <nav>, because the content of <nav> is inert while the drawer is closed.
  return (
    <>
      <nav class="sidebar" aria-label="Rooms" inert={!open}>
        <header class="sidebar-head">
          <Logo size={28} />
          <span class="brand">Roomcast</span>
          <IconButton
            icon="search"
            label="Go to a room (Ctrl+K)"
            onClick={() => setSwitching(true)}
            data-testid="switch"
          />
          <IconButton icon="compass" label="Browse rooms" onClick={() => setBrowsing(true)} data-testid="open-browse" />
          <IconButton icon="plus" label="New room or join" onClick={() => setCreating(true)} data-testid="new-room" />
          {isDrawer && <IconButton icon="close" label="Close the room list" onClick={onClose} />}
        </header>
        <ul class="room-list">
          {rooms.entries().map((entry) => (
            <RoomItem key={entry.id} entry={entry} active={entry.id === room} onPick={onClose} />
          ))}
        </ul>
        <OwnStatusBar />
      </nav>
      {switching && <RoomSwitcher onClose={() => setSwitching(false)} />}
      {browsing && <BrowseRooms onClose={() => setBrowsing(false)} />}
      {creating && <NewRoom onClose={() => setCreating(false)} />}
    </>
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
        data-mentions={entry.mentions}
      >
        <RoomIcon entry={entry} />
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
              {entry.mentions > 0 && <span title="You were mentioned">@ </span>}
              {entry.unread > 99 ? "99+" : entry.unread} <span class="visually-hidden">unread</span>
            </span>
          )}
        </span>
      </a>
    </li>
  );
}
