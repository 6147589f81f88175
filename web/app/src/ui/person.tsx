import type { Member, RoomId } from "@roomcast/sdk";
import { useEffect, useState } from "preact/hooks";
import { explain, useApp } from "../app.ts";
import { standingOf, type Standing } from "../moderation.ts";
import { cleanName, isolated } from "../names.ts";
import { Dialog } from "./dialogs/dialog.tsx";

interface PersonProps {
  room: RoomId;
  member: Member;
  onClose: () => void;
}

/** What one can do about a person: block them; and as a moderator, mute them or ban them from the room. */
export function Person({ room, member, onClose }: PersonProps) {
  const { client, note } = useApp();
  const [standing, setStanding] = useState<Standing | null>(null);
  const [error, setError] = useState<string | null>(null);
  const { user } = member;
  const name = cleanName(member.name, user);

  const load = async () => setStanding(await standingOf(client, room, user));
  const attempt = (work: () => Promise<unknown>) => {
    setError(null);
    work().catch((thrown: unknown) => setError(explain(thrown)));
  };
  const change = (work: () => Promise<unknown>, done: string) =>
    attempt(async () => {
      await work();
      note(`${isolated(name)} ${done}`);
      onClose();
    });
  useEffect(() => attempt(load), [room, user]);

  const sanction = (kind: "mute" | "ban", on: boolean) => client.call("room:sanction", { room, user, kind, on });
  const mute = (on: boolean) =>
    change(() => sanction("mute", on), on ? "cannot write here now" : "can write here again");
  const ban = (on: boolean) => change(() => sanction("ban", on), on ? "is banned from this room" : "may come back");
  const block = (on: boolean) =>
    change(() => client.call("user:block", { user, on }), on ? "is blocked" : "is not blocked any more");
  return (
    <Dialog title={isolated(name)} onClose={onClose}>
      <div class="stack" aria-busy={standing === null && error === null}>
        {standing?.canModerate && (
          <>
            <Toggle
              is={standing.isMuted}
              on="Mute"
              off="Unmute"
              about="Muted people read, but do not write."
              set={mute}
            />
            <Toggle is={standing.isBanned} on="Ban" off="Lift the ban" about="Banned people cannot enter." set={ban} />
          </>
        )}
        {standing && (
          <Toggle
            is={standing.isBlocked}
            on="Block"
            off="Unblock"
            about="Neither of you can write to the other directly. The other person is not told."
            set={block}
          />
        )}
        <p class="form-error" role="alert">
          {error}
        </p>
      </div>
    </Dialog>
  );
}

interface ToggleProps {
  is: boolean;
  on: string;
  off: string;
  about: string;
  set: (on: boolean) => void;
}

function Toggle({ is, on, off, about, set }: ToggleProps) {
  return (
    <div class="row between">
      <span class="muted">{about}</span>
      <button type="button" class={is ? "button" : "button danger"} onClick={() => set(!is)}>
        {is ? off : on}
      </button>
    </div>
  );
}
