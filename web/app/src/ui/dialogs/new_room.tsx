import { useState } from "preact/hooks";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { roomOfInput, slugOf } from "../../route.ts";
import { Dialog } from "./dialog.tsx";

/** Create a room, or join one by its link. */
export function NewRoom({ onClose }: { onClose: () => void }) {
  const { client, rooms, go } = useApp();
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  const enter = (room: string, name: string | null) => {
    rooms.open(room, name);
    go(room);
    onClose();
  };
  const create = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const name = String(form.get("name") ?? "").trim();
    const kind = form.get("kind") === "private" ? "private" : "public";
    const slug = slugOf(name);
    if (!slug) return setError("A room needs a name with a letter or a digit in it.");
    // A public room has no owner and is not created: a user joins it by its name.
    if (kind === "public") return enter(`public:${slug}`, name);
    const room = `room:${slug}-${randomSuffix()}`;
    setBusy(true);
    try {
      await client.call("room:create", { room, kind, name });
      enter(room, name);
    } catch (thrown) {
      setError(explain(thrown));
      setBusy(false);
    }
  };
  const join = (event: SubmitEvent) => {
    event.preventDefault();
    const link = String(new FormData(event.currentTarget as HTMLFormElement).get("link") ?? "");
    const room = roomOfInput(link);
    if (room) enter(room, null);
    else setError("This is not a link to a room.");
  };

  return (
    <Dialog title="New room" onClose={onClose}>
      <form onSubmit={create} class="stack">
        <label for="room-name">Name</label>
        <input
          id="room-name"
          name="name"
          class="field"
          maxLength={60}
          placeholder="Weekend plans"
          autofocus
          autocomplete="off"
        />
        <fieldset class="choices">
          <legend class="visually-hidden">Who may enter</legend>
          <label class="choice">
            <input type="radio" name="kind" value="public" defaultChecked />
            <span>
              <b>Open</b>
              <small>Everybody with the link may enter</small>
            </span>
          </label>
          <label class="choice">
            <input type="radio" name="kind" value="private" />
            <span>
              <b>Private</b>
              <small>Only people whom you invite</small>
            </span>
          </label>
        </fieldset>
        <button type="submit" class="button primary" disabled={busy}>
          Create room
        </button>
      </form>
      <div class="or">or</div>
      <form onSubmit={join} class="stack">
        <label for="room-link">Join by link</label>
        <div class="row">
          <input id="room-link" name="link" class="field" placeholder="Link or room name" autocomplete="off" />
          <button type="submit" class="button">
            Join
          </button>
        </div>
      </form>
      <p class="form-error" role="alert">
        {error}
      </p>
    </Dialog>
  );
}

function randomSuffix(): string {
  return [...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
