import { useState } from "preact/hooks";
import { isUserId, RoomcastError, type RoomId } from "@roomcast/sdk";
import { explain, useApp } from "../../app.ts";
import { isolated } from "../../names.ts";
import { userOfInput } from "../../people.ts";
import { Dialog } from "./dialog.tsx";

/** Let a person into a private room. The gateway refuses an id that it has never seen. */
export function Invite({ room, onClose }: { room: RoomId; onClose: () => void }) {
  const { client, rooms, note } = useApp();
  const people = rooms.people();
  const [error, setError] = useState<string | null>(null);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const input = String(new FormData(event.currentTarget as HTMLFormElement).get("user") ?? "");
    const user = userOfInput(input, people);
    setError(null);
    if (user === null) return setError("Several people have this name. Choose one from the list.");
    if (!isUserId(user))
      return setError("No person here has this name. A user id has letters, digits and . _ @ - only.");
    try {
      await client.call("room:invite", { room, user });
      note(`${isolated(rooms.nameOf(user))} was invited`);
      onClose();
    } catch (thrown) {
      const isUnknown = RoomcastError.from(thrown).reason === "not_found";
      setError(isUnknown ? `No person with the id “${user}” has been here so far.` : explain(thrown));
    }
  };

  return (
    <Dialog title="Invite" onClose={onClose}>
      <form onSubmit={submit} class="stack">
        <label for="invite-user">Name or user id</label>
        <input
          id="invite-user"
          name="user"
          class="field"
          list="invite-people"
          autofocus
          autocomplete="off"
          placeholder="Grace"
        />
        <datalist id="invite-people">
          {people.map(({ user, name }) => (
            <option key={user} value={user}>
              {name}
            </option>
          ))}
        </datalist>
        <button type="submit" class="button primary">
          Invite
        </button>
        <p class="form-error" role="alert" data-testid="invite-error">
          {error}
        </p>
      </form>
    </Dialog>
  );
}
