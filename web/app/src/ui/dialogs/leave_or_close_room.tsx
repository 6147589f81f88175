import { RoomcastError } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import type { RoomEntry } from "../../room_list.ts";
import { isolated } from "../../safe_names.ts";
import { LOBBY } from "../../route.ts";
import { Confirmation } from "./confirmation.tsx";

interface LeaveProps {
  entry: RoomEntry;
  onClose: () => void;
}

/** Ask before the user leaves a room for good, on all devices. */
export function LeaveRoom({ entry, onClose }: LeaveProps) {
  const { rooms, go, note } = useApp();
  const leave = async () => {
    await rooms.leave(entry.id);
    note(`You have left ${isolated(entry.title)}`);
    go(LOBBY);
  };
  const way =
    entry.kind === "private" ? "You can come back only when a member invites you." : "You can come back by its link.";
  return (
    <Confirmation
      title="Leave this room?"
      text={
        <>
          You leave <bdi>{entry.title}</bdi> on all your devices, and the room disappears from your list. {way}
        </>
      }
      keep="Stay"
      action="Leave"
      run={leave}
      explain={leaveRefusal}
      onClose={onClose}
    />
  );
}

function leaveRefusal(thrown: unknown): string {
  const isOwner = RoomcastError.from(thrown).reason === "forbidden";
  return isOwner ? "You own this room, and its owner cannot leave it: transfer it first." : explain(thrown);
}

/** Ask before the user closes a room for all members. */
export function CloseRoom({ entry, onClose }: LeaveProps) {
  const { client, go, note } = useApp();
  const end = async () => {
    await client.admin(entry.id).close();
    note(`${isolated(entry.title)} was closed`);
    go(LOBBY);
  };
  return (
    <Confirmation
      title="Close this room?"
      text={
        <>
          <bdi>{entry.title}</bdi> ends for all its members, and its messages are deleted.
        </>
      }
      keep="Keep it"
      action="Close the room"
      run={end}
      explain={explain}
      onClose={onClose}
    />
  );
}
