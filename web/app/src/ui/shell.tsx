import { useEffect, useState } from "preact/hooks";
import type { ConnectionState, RoomId } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";
import type { Notice } from "../connection_notice.ts";
import { useMedia } from "../shared_hooks.ts";
import { isolated } from "../safe_names.ts";
import { ConnectionBanner } from "./connection_banner.tsx";
import { Members } from "./members.tsx";
import { RoomView } from "./room_view.tsx";
import { Sidebar } from "./sidebar.tsx";
import { useLeaveWarning } from "./composer/upload_list.tsx";

type Drawer = "rooms" | "members" | null;

interface ShellProps {
  room: RoomId;
  connection: ConnectionState;
  notice: Notice;
}

/** The page's three columns; on a narrow screen the outer two are drawers. */
export function Shell({ room, connection, notice }: ShellProps) {
  const { rooms, client } = useApp();
  const [drawer, setDrawer] = useState<Drawer>(null);
  const [wantsMembers, setWantsMembers] = useState(true);
  const narrow = useMedia("(max-width: 759px)");
  const wide = useMedia("(min-width: 1100px)");
  const membersShown = wide ? wantsMembers : drawer === "members";

  useEffect(() => rooms.show(room), [room, rooms]);
  useEffect(() => setDrawer(null), [room]);
  useEffect(() => {
    const close = (event: KeyboardEvent) => event.key === "Escape" && setDrawer(null);
    window.addEventListener("keydown", close);
    return () => window.removeEventListener("keydown", close);
  }, []);
  useTitle(room);
  useLeaveWarning();

  const toggleMembers = () => {
    if (wide) setWantsMembers(!wantsMembers);
    else setDrawer(drawer === "members" ? null : "members");
  };
  const handle = client.room(room);
  return (
    <div class="shell" data-drawer={drawer ?? "none"}>
      <Sidebar room={room} open={!narrow || drawer === "rooms"} isDrawer={narrow} onClose={() => setDrawer(null)} />
      <RoomView
        key={room}
        room={handle}
        membersShown={membersShown}
        onMembers={toggleMembers}
        onRooms={() => setDrawer("rooms")}
        banner={<ConnectionBanner state={connection} notice={notice} />}
      />
      {membersShown && <Members key={`members-${room}`} room={handle} isDrawer={!wide} onClose={toggleMembers} />}
      {drawer && (
        <button type="button" class="scrim" tabIndex={-1} aria-label="Close" onClick={() => setDrawer(null)} />
      )}
    </div>
  );
}

function useTitle(room: RoomId): void {
  const { rooms } = useApp();
  const unread = rooms.entries().reduce((sum, entry) => sum + entry.unread, 0);
  const title = isolated(rooms.entry(room).title);
  useEffect(() => {
    document.title = `${unread ? `(${unread}) ` : ""}${title} · Roomcast`;
  }, [unread, title]);
}
