import { useState } from "preact/hooks";
import { isUserId, type RoomId } from "@roomcast/sdk";
import { explain, useApp } from "../app.ts";
import { Dialog } from "./dialog.tsx";

/** Lets a person into a private room. */
export function Invite({ room, onClose }: { room: RoomId; onClose: () => void }) {
  const { client, note } = useApp();
  const [error, setError] = useState<string | null>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const user = String(new FormData(event.currentTarget as HTMLFormElement).get("user") ?? "").trim();
    if (!isUserId(user)) return setError("A user id has letters, digits and . _ @ - only.");
    try {
      await client.call("room:invite", { room, user });
      note(`${user} may enter now`);
      onClose();
    } catch (thrown) {
      setError(explain(thrown));
    }
  };
  return (
    <Dialog title="Invite" onClose={onClose}>
      <form onSubmit={submit} class="stack">
        <label for="invite-user">User id</label>
        <input id="invite-user" name="user" class="field" autofocus autocomplete="off" placeholder="grace" />
        <button class="button primary">Invite</button>
        <p class="form-error" role="alert">
          {error}
        </p>
      </form>
    </Dialog>
  );
}
