import { useApp } from "../app_context.ts";
import { explain } from "../error_text.ts";
import { useChanges } from "../shared_hooks.ts";
import { NOTE_ENDS, noteEndOf, endText } from "../note_end.ts";

const NEVER = "never";
const CURRENT = "current";

/** The field for the time at which the status text ends. */
export function NoteEndField({ id }: { id: string }) {
  const { client, note } = useApp();
  const { presence } = client;
  useChanges((listener) => presence.subscribe(listener), [client]);
  const { ownStatus, ownNote, ownUntil } = presence;
  const choose = (value: string) => {
    if (value === CURRENT) return;
    const until = noteEndOf(value, Date.now());
    presence.setStatus(ownStatus, ownNote, until).catch((error: unknown) => note(explain(error)));
  };
  return (
    <select
      id={id}
      class="field"
      value={ownUntil === undefined ? NEVER : CURRENT}
      disabled={!ownNote}
      onChange={(event) => choose(event.currentTarget.value)}
      data-testid="note-end"
    >
      {ownUntil !== undefined && <option value={CURRENT}>At {endText(ownUntil, Date.now())}</option>}
      <option value={NEVER}>Never</option>
      {NOTE_ENDS.map(({ value, label }) => (
        <option key={value} value={value}>
          {label}
        </option>
      ))}
    </select>
  );
}
