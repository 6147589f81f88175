import { useState } from "preact/hooks";
import { useApp } from "../app_context.ts";
import { explain } from "../error_text.ts";
import { useChanges } from "../shared_hooks.ts";

/** The longest note that the server accepts, in characters. */
const MAX_NOTE = 140;

/**
 * The field for the user's note. Enter or leaving the field sets the note; Escape undoes the change. A changed note
 * keeps the end of the previous note.
 */
export function StatusNoteField({ id, class: look = "status-note" }: { id?: string; class?: string }) {
  const { client, note } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  const own = client.presence.ownNote;
  const [text, setText] = useState<string | null>(null);
  const save = () => {
    const next = text?.trim() ?? own;
    setText(null);
    if (next === own) return;
    const { ownStatus, ownUntil } = client.presence;
    client.presence
      .setStatus(ownStatus, next, next ? ownUntil : undefined)
      .catch((error: unknown) => note(explain(error)));
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") setText(null);
    else if (event.key === "Enter" && !event.isComposing) (event.currentTarget as HTMLInputElement).blur();
  };
  return (
    <input
      id={id}
      class={look}
      dir="auto"
      value={text ?? own}
      maxLength={MAX_NOTE}
      placeholder="Say what you are doing"
      aria-label="Your status text"
      autocomplete="off"
      onInput={(event) => setText(event.currentTarget.value)}
      onBlur={save}
      onKeyDown={onKey}
      data-testid="status-note"
    />
  );
}
