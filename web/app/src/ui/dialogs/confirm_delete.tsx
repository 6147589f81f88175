import type { ChatMessage, Room } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { summary } from "../../format.ts";
import { Dialog } from "./dialog.tsx";

export function ConfirmDelete({ room, message, onClose }: { room: Room; message: ChatMessage; onClose: () => void }) {
  const { note } = useApp();
  const remove = () => {
    onClose();
    if (message.seq !== null) room.delete(message.seq).catch((error: unknown) => note(explain(error)));
  };
  return (
    <Dialog title="Delete this message?" onClose={onClose}>
      <blockquote class="quoted" dir="auto">
        {summary(message.text, message.media)}
      </blockquote>
      <p class="muted">It disappears for everybody.</p>
      <div class="row end">
        <button type="button" class="button" onClick={onClose}>
          Keep it
        </button>
        <button type="button" class="button danger" onClick={remove} autofocus data-testid="confirm-delete">
          Delete
        </button>
      </div>
    </Dialog>
  );
}
