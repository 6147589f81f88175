import { useState } from "preact/hooks";
import type { RoomInfo } from "@roomcast/sdk";
import { useApp } from "../../app_context.ts";
import { explain } from "../../error_text.ts";
import { canDescribe, MAX_ROOM_NAME, MAX_TOPIC } from "../../room_details.ts";
import { Dialog } from "./dialog.tsx";

/** The name and topic of a stored room, which its owner and admins can change here. */
export function AboutRoom({ info, title, onClose }: { info: RoomInfo; title: string; onClose: () => void }) {
  return (
    <Dialog title={canDescribe(info) ? "Name and topic" : "About this room"} onClose={onClose}>
      {canDescribe(info) ? (
        <Description info={info} onClose={onClose} />
      ) : (
        <div class="stack">
          <h3>
            <bdi>{title}</bdi>
          </h3>
          <p class="about-topic" dir="auto">
            {info.topic || "This room has no topic."}
          </p>
        </div>
      )}
    </Dialog>
  );
}

function Description({ info, onClose }: { info: RoomInfo; onClose: () => void }) {
  const { client } = useApp();
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const name = String(form.get("name") ?? "").trim();
    const topic = String(form.get("topic") ?? "").trim();
    if (!name) return setError("A room needs a name.");
    const changes = { ...(name !== info.name ? { name } : {}), ...(topic !== info.topic ? { topic } : {}) };
    if (Object.keys(changes).length === 0) return onClose();
    setBusy(true);
    try {
      await client.admin(info.room).update(changes);
      onClose();
    } catch (thrown) {
      setError(explain(thrown));
      setBusy(false);
    }
  };
  return (
    <form onSubmit={save} class="stack" data-testid="about-room">
      <label for="about-name">Name</label>
      <input
        id="about-name"
        name="name"
        class="field"
        dir="auto"
        defaultValue={info.name}
        maxLength={MAX_ROOM_NAME}
        autocomplete="off"
        autofocus
      />
      <label for="about-topic">Topic</label>
      <textarea
        id="about-topic"
        name="topic"
        class="field"
        dir="auto"
        rows={3}
        defaultValue={info.topic}
        maxLength={MAX_TOPIC}
        placeholder="What is this room about?"
      />
      <p class="form-error" role="alert">
        {error}
      </p>
      <button type="submit" class="button primary" disabled={busy}>
        Save
      </button>
    </form>
  );
}
