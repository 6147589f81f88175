import { useEffect, useState } from "preact/hooks";
import { directRoom, type Member, type Room } from "@roomcast/sdk";
import { useApp } from "../app.ts";
import type { RoomEntry } from "../room_list.ts";
import { lastSeen } from "../format.ts";
import { useChanges, useNow, useRoom } from "../hooks.ts";
import { cleanName, isolated } from "../names.ts";
import { hashOfRoom } from "../route.ts";
import { Avatar, PresenceDot } from "./avatar.tsx";
import { IconButton } from "./icons.tsx";
import { Name } from "./name.tsx";
import { Person } from "./person.tsx";

export function Members({ room, isDrawer, onClose }: { room: Room; isDrawer: boolean; onClose: () => void }) {
  const { rooms, notes } = useApp();
  const state = useRoom(room);
  useEffect(() => void notes.ask(state.members.map((member) => member.user)), [state.members, state.phase]);
  useChanges((listener) => notes.subscribe(listener), [notes]);
  const sorted = useSorted(withPeer(state.members, rooms.entry(room.id)));
  const listed = new Set(sorted.map((member) => member.user));
  const [person, setPerson] = useState<Member | null>(null);
  const gone = state.gone.filter((member) => !listed.has(member.user));
  return (
    <aside class={isDrawer ? "members drawer" : "members"} aria-label="Members" data-testid="members">
      <header class="panel-head">
        <h2>People {sorted.length > 0 && <span class="count">{Math.max(state.occupancy, sorted.length)}</span>}</h2>
        <IconButton icon="close" label="Close the list of people" onClick={onClose} />
      </header>
      <ul class="member-list">
        {sorted.map((member) => (
          <MemberItem key={member.user} member={member} onMore={setPerson} />
        ))}
        {gone.length > 0 && <li class="member-label">Gone</li>}
        {gone.map((member) => (
          <MemberItem key={member.user} member={member} onMore={setPerson} />
        ))}
        {state.phase !== "joined" && state.phase !== "refused" && state.members.length === 0 && <MemberSkeleton />}
      </ul>
      {state.moreMembers && (
        <button type="button" class="button small" onClick={() => void room.loadMembers().catch(() => {})}>
          Show more
        </button>
      )}
      {person && <Person room={room.id} member={person} onClose={() => setPerson(null)} />}
    </aside>
  );
}

/** Add the other person of a direct room, who belongs to it even while away. */
function withPeer(members: readonly Member[], { peer, title }: RoomEntry): readonly Member[] {
  if (peer === null || members.some((member) => member.user === peer)) return members;
  return [...members, { user: peer, name: title, status: "offline" }];
}

function MemberItem({ member, onMore }: { member: Member; onMore: (member: Member) => void }) {
  const { client, notes, self } = useApp();
  const now = useNow(30_000);
  const isSelf = member.user === self.user;
  const info = client.presence.get(member.user);
  const own = client.presence.ownStatus;
  const status = isSelf ? (own === "invisible" ? "offline" : own) : info.status;
  const presence = status === "offline" ? lastSeen(info.last_seen, now) : LABELS[status];
  const line = isSelf ? "You" : info.note || notes.of(member.user) || presence;
  const name = cleanName(member.name, member.user);
  const body = (
    <>
      <span class="with-dot">
        <Avatar user={member.user} name={name} />
        <PresenceDot status={status} user={member.user} />
      </span>
      <span class="member-text">
        <span class="member-name">
          <Name of={name} />
        </span>
        <span class="member-line">
          <bdi>{line}</bdi>
        </span>
      </span>
    </>
  );
  return (
    <li class="member-item" data-user={member.user}>
      {isSelf ? (
        <span class="member">{body}</span>
      ) : (
        <>
          <a class="member" href={hashOfRoom(directRoom(self.user, member.user))} title={`Write to ${isolated(name)}`}>
            {body}
          </a>
          <IconButton
            icon="more"
            iconSize={18}
            label={`More about ${isolated(name)}`}
            onClick={() => onMore(member)}
            data-testid="member-more"
          />
        </>
      )}
    </li>
  );
}

const LABELS = { online: "Online", away: "Away", busy: "Busy", offline: "Offline" };
const ORDER = { online: 0, busy: 1, away: 2, offline: 3 };

/** Sort oneself first, then by presence, then by name. */
function useSorted(members: readonly Member[]): Member[] {
  const { client, self } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  const rank = (member: Member) => (member.user === self.user ? -1 : ORDER[client.presence.get(member.user).status]);
  return [...members].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
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
