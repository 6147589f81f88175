import { useEffect } from "preact/hooks";
import { directRoom, type Member, type Room } from "@roomcast/sdk";
import { useApp } from "../app.ts";
import { lastSeen } from "../format.ts";
import { useChanges, useNow, useRoom } from "../hooks.ts";
import { hashOfRoom } from "../route.ts";
import { Avatar, PresenceDot } from "./avatar.tsx";
import { IconButton } from "./icons.tsx";

const REFRESH_MS = 30_000;
const STRANGER_MS = 1000;
const STRANGER_AGAIN_MS = 10_000;

export function Members({ room, isDrawer, onClose }: { room: Room; isDrawer: boolean; onClose: () => void }) {
  const state = useRoom(room);
  useFreshMembers(room);
  const sorted = useSorted(state.members);
  return (
    <aside class={isDrawer ? "members drawer" : "members"} aria-label="Members" data-testid="members">
      <header class="panel-head">
        <h2>
          People <span class="count">{Math.max(state.occupancy, state.members.length)}</span>
        </h2>
        <IconButton icon="close" label="Close the list of people" onClick={onClose} />
      </header>
      <ul class="member-list">
        {sorted.map((member) => (
          <MemberItem key={member.user} member={member} />
        ))}
        {state.phase !== "joined" && state.members.length === 0 && <MemberSkeleton />}
      </ul>
      {state.moreMembers && (
        <button class="button small" onClick={() => void room.loadMembers().catch(() => {})}>
          Show more
        </button>
      )}
    </aside>
  );
}

function MemberItem({ member }: { member: Member }) {
  const { client, self } = useApp();
  const now = useNow(30_000);
  const isSelf = member.user === self.user;
  const info = client.presence.get(member.user);
  const own = client.presence.ownStatus;
  const status = isSelf ? (own === "invisible" ? "offline" : own) : info.status;
  const line = isSelf ? "You" : info.note || (status === "offline" ? lastSeen(info.last_seen, now) : LABELS[status]);
  const body = (
    <>
      <span class="with-dot">
        <Avatar user={member.user} name={member.name || member.user} />
        <PresenceDot status={status} user={member.user} />
      </span>
      <span class="member-text">
        <span class="member-name">{member.name || member.user}</span>
        <span class="member-line">{line}</span>
      </span>
    </>
  );
  return (
    <li data-user={member.user}>
      {isSelf ? (
        <span class="member">{body}</span>
      ) : (
        <a class="member" href={hashOfRoom(directRoom(self.user, member.user))} title={`Write to ${member.name}`}>
          {body}
        </a>
      )}
    </li>
  );
}

const LABELS = { online: "Online", away: "Away", busy: "Busy", offline: "Offline" };
const ORDER = { online: 0, busy: 1, away: 2, offline: 3 };

/** Oneself first, then who is there, then by name. */
function useSorted(members: readonly Member[]): Member[] {
  const { client, self } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  const rank = (member: Member) => (member.user === self.user ? -1 : ORDER[client.presence.get(member.user).status]);
  return [...members].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

/** Asks again every half minute while open, and soon after somebody not listed shows up. */
function useFreshMembers(room: Room): void {
  const { client } = useApp();
  useEffect(() => {
    let soon: ReturnType<typeof setTimeout> | undefined;
    const refresh = () => {
      soon = undefined;
      if (room.state.phase === "joined") room.refreshMembers().catch(() => {});
    };
    const askedMs = new Map<string, number>();
    // People of our other rooms show up here too: ask about each of them only now and then.
    const stranger = (user: string) => {
      if (room.state.members.some((member) => member.user === user)) return;
      if (Date.now() - (askedMs.get(user) ?? 0) < STRANGER_AGAIN_MS) return;
      askedMs.set(user, Date.now());
      soon ??= setTimeout(refresh, STRANGER_MS);
    };
    const undos = [
      client.on("presence", ({ changes }) => changes.forEach((change) => stranger(change.user))),
      client.on("message", (message) => message.room === room.id && stranger(message.user)),
    ];
    const timer = setInterval(refresh, REFRESH_MS);
    return () => {
      clearInterval(timer);
      clearTimeout(soon);
      for (const undo of undos) undo();
    };
  }, [room, client]);
}

function MemberSkeleton() {
  return (
    <>
      {[1, 2, 3].map((key) => (
        <li key={key} class="member skeleton">
          <span class="avatar avatar-medium" />
          <span class="bar" />
        </li>
      ))}
    </>
  );
}
