import type { ChatMessage, RoomId } from "@roomcast/sdk";
import { useState } from "preact/hooks";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { summary } from "../../format.ts";
import { Dialog } from "./dialog.tsx";

/** The longest reason that the server accepts, in characters. */
const MAX_REASON = 500;

interface ReportProps {
  room: RoomId;
  message: ChatMessage;
  onClose: () => void;
}

/** Report a message to the moderators of its room. */
export function ReportMessage({ room, message, onClose }: ReportProps) {
  const { client, note } = useApp();
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget as HTMLFormElement).get("reason") ?? "").trim();
    if (!reason) return setError("Say what is wrong with the message.");
    if (message.seq === null) return;
    try {
      await client.call("message:report", { room, target: message.seq, reason });
      note("The moderators were told");
      onClose();
    } catch (thrown) {
      setError(explain(thrown));
    }
  };
  return (
    <Dialog title="Report this message?" onClose={onClose}>
      <blockquote class="quoted" dir="auto">
        {summary(message.text, message.media)}
      </blockquote>
      <form onSubmit={submit} class="stack">
        <label for="report-reason">What is wrong with it?</label>
        <textarea id="report-reason" name="reason" class="field" rows={3} maxLength={MAX_REASON} autofocus />
        <p class="muted">The moderators see the message as it is now, your name and this reason.</p>
        <button type="submit" class="button primary" data-testid="send-report">
          Report
        </button>
        <p class="form-error" role="alert">
          {error}
        </p>
      </form>
    </Dialog>
  );
}
