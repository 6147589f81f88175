import { useState } from "preact/hooks";
import { isUserId, type RoomId, type UserId } from "@roomcast/sdk";
import { explain, useApp } from "../../app.ts";
import { isolated } from "../../names.ts";
import { userOfInput } from "../../people.ts";
import { Dialog } from "./dialog.tsx";

/** Let a person into a private room. An id that was never seen here is invited only when that is confirmed. */
export function Invite({ room, onClose }: { room: RoomId; onClose: () => void }) {
  const { client, rooms, note } = useApp();
  const people = rooms.people();
  const [error, setError] = useState<string | null>(null);
  const [stranger, setStranger] = useState<UserId | null>(null);

  const invite = async (user: UserId, isKnown: boolean) => {
    await client.call("room:invite", { room, user });
    const name = isolated(rooms.nameOf(user));
    note(isKnown ? `${name} was invited` : `The id ${user} was invited. No person with this id has been here so far.`);
    onClose();
  };
  const wasSeen = async (user: UserId): Promise<boolean> => {
    if (people.some((one) => one.user === user)) return true;
    const info = (await client.call("presence:query", { users: [user] })).users[user];
    return info !== undefined && (info.status !== "offline" || Boolean(info.last_seen));
  };
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const input = String(new FormData(event.currentTarget as HTMLFormElement).get("user") ?? "");
    const user = userOfInput(input, people);
    setError(null);
    if (user === null) return setError("Several people have this name. Choose one from the list.");
    if (!isUserId(user))
      return setError("No person here has this name. A user id has letters, digits and . _ @ - only.");
    try {
      const isKnown = await wasSeen(user);
      if (isKnown || user === stranger) await invite(user, isKnown);
      else setStranger(user);
    } catch (thrown) {
      setError(explain(thrown));
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
          onInput={() => setStranger(null)}
        />
        <datalist id="invite-people">
          {people.map(({ user, name }) => (
            <option key={user} value={user}>
              {name}
            </option>
          ))}
        </datalist>
        {stranger !== null && (
          <p class="form-warning" role="alert" data-testid="invite-unknown">
            No person with the id “{stranger}” has been here so far. Check the spelling. If you invite the id all the
            same, the person who signs in with it may enter.
          </p>
        )}
        <button type="submit" class="button primary">
          {stranger === null ? "Invite" : "Invite all the same"}
        </button>
        <p class="form-error" role="alert">
          {error}
        </p>
      </form>
    </Dialog>
  );
}
