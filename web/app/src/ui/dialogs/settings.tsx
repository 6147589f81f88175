import { useState } from "preact/hooks";
import { chooseNotifications, notificationChoice } from "../../notifications.ts";
import { chooseTheme, loadTheme, type Theme } from "../../theme.ts";
import { NoteEndField } from "../note_end_field.tsx";
import { StatusNoteField } from "../status_note_field.tsx";
import { Dialog } from "./dialog.tsx";
import { OwnProfile } from "./own_profile.tsx";

const THEMES: { value: Theme; label: string }[] = [
  { value: "system", label: "System" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

/** The settings: profile, status text, theme, notifications. Choices apply at once; the profile has a save button. */
export function Settings({ onClose }: { onClose: () => void }) {
  const [theme, setTheme] = useState(() => loadTheme(localStorage));
  const [notifications, setNotifications] = useState(() => notificationChoice(localStorage));
  const pickTheme = (next: Theme) => {
    chooseTheme(localStorage, next);
    setTheme(next);
  };
  const notify = async (isOn: boolean) => setNotifications(await chooseNotifications(localStorage, isOn));
  return (
    <Dialog title="Settings" onClose={onClose}>
      <div class="stack" data-testid="settings">
        <OwnProfile />
        <label for="settings-note">Status text</label>
        <StatusNoteField id="settings-note" class="field" />
        <label for="settings-note-end">The text ends</label>
        <NoteEndField id="settings-note-end" />
        <fieldset class="choices three">
          <legend>Theme</legend>
          {THEMES.map(({ value, label }) => (
            <label key={value} class="choice">
              <input
                type="radio"
                name="theme"
                value={value}
                checked={theme === value}
                onChange={() => pickTheme(value)}
              />
              <span>{label}</span>
            </label>
          ))}
        </fieldset>
        <label class="choice">
          <input
            type="checkbox"
            checked={notifications.isOn}
            disabled={!notifications.isPossible}
            onChange={(event) => void notify(event.currentTarget.checked)}
          />
          <span>
            <b>Notifications</b>
            <small>
              {notifications.isPossible
                ? "For mentions and direct messages, while you look elsewhere"
                : "This browser does not let the page show notifications"}
            </small>
          </span>
        </label>
      </div>
    </Dialog>
  );
}
