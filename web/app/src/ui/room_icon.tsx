import { useApp } from "../app_context.ts";
import { useChanges } from "../shared_hooks.ts";
import type { RoomEntry } from "../room_list.ts";
import { Avatar, PresenceDot } from "./avatar.tsx";
import { Icon } from "./icons.tsx";

/** The picture of a room: of a direct room the other person with presence, else a symbol for the kind of room. */
export function RoomIcon({ entry }: { entry: RoomEntry }) {
  const { client } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  if (entry.peer === null) {
    return (
      <span class="room-icon">
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
