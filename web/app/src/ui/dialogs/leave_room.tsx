import { useState } from "preact/hooks";
import { RoomcastError } from "@roomcast/sdk";
import { explain, useApp } from "../../app.ts";
import type { RoomEntry } from "../../room_list.ts";
import { isolated } from "../../names.ts";
import { LOBBY } from "../../route.ts";
import { Dialog } from "./dialog.tsx";

/** Ask before a membership is given up: the only way back is an invitation. */
export function LeaveRoom({ entry, onClose }: { entry: RoomEntry; onClose: () => void }) {
  const { rooms, go, note } = useApp();
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const leave = async () => {
    setBusy(true);
    try {
      await rooms.leave(entry.id);
      note(`You have left ${isolated(entry.title)}`);
      go(LOBBY);
    } catch (thrown) {
      setError(refusalText(thrown));
      setBusy(false);
    }
  };
  return (
    <Dialog title="Leave this room?" onClose={onClose}>
      <p>
        You will not be a member of <bdi>{entry.title}</bdi> any more. You can come back only when a member invites you.
      </p>
      <p class="form-error" role="alert">
        {error}
      </p>
      <div class="row end">
        <button type="button" class="button" onClick={onClose}>
          Stay
        </button>
        <button
          type="button"
          class="button danger"
          onClick={() => void leave()}
          disabled={busy}
          autofocus
          data-testid="confirm-leave"
        >
          Leave
        </button>
      </div>
    </Dialog>
  );
}

function refusalText(thrown: unknown): string {
  const error = RoomcastError.from(thrown);
  return error.reason === "forbidden" ? "You own this room, and its owner cannot leave it." : explain(error);
}
