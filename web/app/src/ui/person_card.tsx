import type { Role, RoomId, UserId } from "@roomcast/sdk";
import { directRoom } from "@roomcast/sdk";
import { useEffect, useState } from "preact/hooks";
import { useApp } from "../app_context.ts";
import { explain } from "../error_text.ts";
import { lastSeen } from "../format.ts";
import { useChanges } from "../shared_hooks.ts";
import { standingOf, type Standing } from "../person_sanctions.ts";
import { cleanName, isolated } from "../safe_names.ts";
import { endText } from "../note_end.ts";
import { canDescribe } from "../room_details.ts";
import { Avatar, PresenceDot, useProfile } from "./avatar.tsx";
import { Dialog } from "./dialogs/dialog.tsx";
import { Icon } from "./icons.tsx";

interface PersonCardProps {
  room: RoomId;
  user: UserId;
  /** The person's name as shown where the card was opened. */
  name: string;
  /** The person's role in a stored room, where it is known. */
  role?: Role | undefined;
  onClose: () => void;
}

/** A person's card: picture, status, status text, and buttons to write, change the role, remove and moderate. */
export function PersonCard({ room, user, name, role, onClose }: PersonCardProps) {
  const { self, go } = useApp();
  const shown = cleanName(useProfile(user)?.name ?? name, user);
  const write = () => {
    go(directRoom(self.user, user));
    onClose();
  };
  return (
    <Dialog title={isolated(shown)} onClose={onClose}>
      <div class="stack" data-testid="person" data-user={user}>
        <Card user={user} name={shown} />
        {user !== self.user && (
          <>
            <button type="button" class="button primary" onClick={write} data-testid="person-message">
              <Icon name="send" size={18} /> Message
            </button>
            <Membership room={room} user={user} name={shown} role={role} onClose={onClose} />
            <Sanctions room={room} user={user} name={shown} onClose={onClose} />
          </>
        )}
      </div>
    </Dialog>
  );
}

const LABELS = { online: "Online", away: "Away", busy: "Busy", offline: "Offline" };

function Card({ user, name }: { user: UserId; name: string }) {
  const { client, notes, self } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  useChanges((listener) => notes.subscribe(listener), [notes]);
  useEffect(() => {
    void notes.ask([user]);
    return client.presence.watch([user]);
  }, [client, user]);
  const isSelf = user === self.user;
  const { ownStatus, ownNote, ownUntil } = client.presence;
  const info = client.presence.get(user);
  const status = isSelf ? (ownStatus === "invisible" ? "offline" : ownStatus) : info.status;
  const note = isSelf ? ownNote : info.note || notes.of(user);
  const until = isSelf ? ownUntil : info.until || notes.untilOf(user);
  return (
    <div class="person">
      <span class="with-dot">
        <Avatar user={user} name={name} size="large" />
        <PresenceDot status={status} user={user} />
      </span>
      <div class="person-text">
        {note && (
          <p class="person-note" dir="auto" data-testid="person-note">
            {note} {until && <small class="muted">until {endText(until, Date.now())}</small>}
          </p>
        )}
        <p>{status === "offline" ? lastSeen(info.last_seen, Date.now()) : LABELS[status]}</p>
        <p class="muted">{isSelf ? `${user} (you)` : user}</p>
      </div>
    </div>
  );
}

/** The buttons for a room's owner and admins: change a member's role, or remove the member. */
function Membership({ room, user, name, role, onClose }: PersonCardProps) {
  const { client, details } = useApp();
  const { error, change } = useChange(name, onClose);
  if (!canDescribe(details.of(room)) || !role || role === "owner") return null;
  const admin = client.admin(room);
  const changed = async (work: Promise<void>) => {
    await work;
    details.membersChanged(room);
  };
  const promote = (on: boolean) =>
    change(() => changed(admin.invite(user, on ? "admin" : "member")), on ? "is an admin now" : "is an admin no more");
  const remove = () => change(() => changed(admin.remove(user)), "was taken out of the room");
  return (
    <div class="stack">
      <Toggle
        is={role === "admin"}
        on="Make an admin"
        off="Withdraw the admin role"
        about="Admins invite, remove, mute and ban, and describe the room."
        isMild
        set={promote}
      />
      <Toggle is={false} on="Remove" off="" about="They come back only when they are invited." set={remove} />
      <p class="form-error" role="alert">
        {error}
      </p>
    </div>
  );
}

/** Return a function that runs a change: it shows a note and closes the card, or shows why the change failed. */
function useChange(name: string, onClose: () => void) {
  const { note } = useApp();
  const [error, setError] = useState<string | null>(null);
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
  return { error, attempt, change };
}

/** The buttons to block a person, and for a moderator also to mute and ban the person in the room. */
function Sanctions({ room, user, name, onClose }: PersonCardProps) {
  const { client } = useApp();
  const [standing, setStanding] = useState<Standing | null>(null);
  const { error, attempt, change } = useChange(name, onClose);
  const load = async () => setStanding(await standingOf(client, room, user));
  useEffect(() => attempt(load), [room, user]);

  const sanction = (kind: "mute" | "ban", on: boolean) => client.call("room:sanction", { room, user, kind, on });
  const mute = (on: boolean) =>
    change(() => sanction("mute", on), on ? "cannot write here now" : "can write here again");
  const ban = (on: boolean) => change(() => sanction("ban", on), on ? "is banned from this room" : "may come back");
  const block = (on: boolean) =>
    change(() => client.call("user:block", { user, on }), on ? "is blocked" : "is not blocked any more");
  return (
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
  );
}

interface ToggleProps {
  is: boolean;
  on: string;
  off: string;
  about: string;
  /** Whether the button that turns this on is a plain one; a button that restricts the person is red. */
  isMild?: boolean;
  set: (on: boolean) => void;
}

function Toggle({ is, on, off, about, isMild = false, set }: ToggleProps) {
  return (
    <div class="row between">
      <span class="muted">{about}</span>
      <button type="button" class={is || isMild ? "button" : "button bad"} onClick={() => set(!is)}>
        {is ? off : on}
      </button>
    </div>
  );
}
