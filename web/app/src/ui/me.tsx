import type { Status } from "@roomcast/sdk";
import { useState } from "preact/hooks";
import { explain, useApp } from "../app.ts";
import { useChanges } from "../hooks.ts";
import { Avatar, PresenceDot } from "./avatar.tsx";
import { IconButton } from "./icons.tsx";
import { Name } from "./name.tsx";

const STATUSES: { value: Status; label: string }[] = [
  { value: "online", label: "Online" },
  { value: "away", label: "Away" },
  { value: "busy", label: "Busy" },
  { value: "invisible", label: "Invisible" },
];

/** The signed-in person: their status, what they say about it, and the way out. */
export function Me() {
  const { client, self, note, signOut, uploads } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  const status = client.presence.ownStatus;
  const change = (event: Event) => {
    const value = (event.currentTarget as HTMLSelectElement).value as Status;
    client.presence.setStatus(value).catch((error: unknown) => note(explain(error)));
  };
  const leave = () => {
    if (!uploads.busy || window.confirm("Files are still being sent. Sign out all the same?")) signOut();
  };
  return (
    <footer class="me">
      <span class="with-dot">
        <Avatar user={self.user} name={self.name} />
        <PresenceDot status={status === "invisible" ? "offline" : status} user={self.user} />
      </span>
      <span class="me-text">
        <span class="me-name">
          <Name of={self.name} />
        </span>
        <select class="status-select" aria-label="Your status" value={status} onChange={change} data-testid="status">
          {STATUSES.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <StatusNote />
      </span>
      <IconButton icon="exit" label="Sign out" onClick={leave} data-testid="sign-out" />
    </footer>
  );
}

/** The longest note that the server takes. */
const MAX_NOTE = 140;

/** A line about what one is doing. It is set by Enter or by leaving the field; Escape takes the change back. */
function StatusNote() {
  const { client, note } = useApp();
  const own = client.presence.ownNote;
  const [text, setText] = useState<string | null>(null);
  const save = () => {
    const next = text?.trim() ?? own;
    setText(null);
    if (next === own) return;
    client.presence.setStatus(client.presence.ownStatus, next).catch((error: unknown) => note(explain(error)));
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "Escape") setText(null);
    else if (event.key === "Enter" && !event.isComposing) (event.currentTarget as HTMLInputElement).blur();
  };
  return (
    <input
      class="status-note"
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
