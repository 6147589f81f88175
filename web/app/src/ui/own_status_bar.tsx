import type { Status } from "@roomcast/sdk";
import { useState } from "preact/hooks";
import { useApp } from "../app_context.ts";
import { explain } from "../error_text.ts";
import { useChanges } from "../shared_hooks.ts";
import { Avatar, PresenceDot, useProfile } from "./avatar.tsx";
import { IconButton } from "./icons.tsx";
import { DisplayName } from "./display_name.tsx";
import { Settings } from "./dialogs/settings.tsx";
import { StatusNoteField } from "./status_note_field.tsx";

const STATUSES: { value: Status; label: string }[] = [
  { value: "online", label: "Online" },
  { value: "away", label: "Away" },
  { value: "busy", label: "Busy" },
  { value: "invisible", label: "Invisible" },
];

/** The bar with the signed-in user's name, status and status text, and the buttons for settings and sign-out. */
export function OwnStatusBar() {
  const { client, self, note, signOut, uploads } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  const [isSetting, setSetting] = useState(false);
  const status = client.presence.ownStatus;
  const name = useProfile(self.user)?.name ?? self.name;
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
        <Avatar user={self.user} name={name} />
        <PresenceDot status={status === "invisible" ? "offline" : status} user={self.user} />
      </span>
      <span class="me-text">
        <span class="me-name">
          <DisplayName of={name} />
        </span>
        <select class="status-select" aria-label="Your status" value={status} onChange={change} data-testid="status">
          {STATUSES.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <StatusNoteField />
      </span>
      <IconButton icon="settings" label="Settings" onClick={() => setSetting(true)} data-testid="open-settings" />
      <IconButton icon="exit" label="Sign out" onClick={leave} data-testid="sign-out" />
      {isSetting && <Settings onClose={() => setSetting(false)} />}
    </footer>
  );
}
