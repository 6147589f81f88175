import { useEffect, useState } from "preact/hooks";
import type { Member, Role, Room, ShownStatus, UserId } from "@roomcast/sdk";
import { useApp } from "../app_context.ts";
import type { RoomEntry } from "../room_list.ts";
import { lastSeen } from "../format.ts";
import { useChanges, useNow, useRoom } from "../shared_hooks.ts";
import { cleanName } from "../safe_names.ts";
import { Avatar, PresenceDot } from "./avatar.tsx";
import { IconButton } from "./icons.tsx";
import { DisplayName } from "./display_name.tsx";
import { PersonCard } from "./person_card.tsx";
import { usePagedList } from "./use_paged_list.ts";

/** Stored members per page. */
const PAGE = 100;

export function Members({ room, isDrawer, onClose }: { room: Room; isDrawer: boolean; onClose: () => void }) {
  const { rooms, notes } = useApp();
  const state = useRoom(room);
  const stored = useStored(room, state.phase === "joined");
  useEffect(() => void notes.ask(state.members.map((member) => member.user)), [state.members, state.phase]);
  useChanges((listener) => notes.subscribe(listener), [notes]);
  const here = useSorted(withPeer(state.members, rooms.entry(room.id)));
  const [person, setPerson] = useState<Member | null>(null);
  const listed = new Set(here.map((member) => member.user));
  const absent = stored.items.filter((member) => !listed.has(member.user));
  for (const { user } of absent) listed.add(user);
  const gone = state.gone.filter((member) => !listed.has(member.user));
  const roles = new Map(stored.items.map(({ user, role }) => [user, role]));
  const list = (members: readonly Member[]) =>
    members.map((member) => (
      <MemberItem key={member.user} member={member} role={roles.get(member.user)} onPick={setPerson} />
    ));
  return (
    <aside class={isDrawer ? "members drawer" : "members"} aria-label="Members" data-testid="members">
      <header class="panel-head">
        <h2>People {here.length > 0 && <span class="count">{Math.max(state.occupancy, here.length)}</span>}</h2>
        <IconButton icon="close" label="Close the list of people" onClick={onClose} />
      </header>
      <ul class="member-list">
        {list(here)}
        {state.moreMembers && <More label="Show more" onClick={() => void room.loadMembers().catch(() => {})} />}
        {absent.length > 0 && <li class="member-label">Not here</li>}
        {list(absent)}
        {stored.hasMore && <More label="Show more members" onClick={stored.loadMore} />}
        {gone.length > 0 && <li class="member-label">Gone</li>}
        {list(gone)}
        {state.phase !== "joined" && state.phase !== "refused" && state.members.length === 0 && <MemberSkeleton />}
      </ul>
      {person && (
        <PersonCard
          room={room.id}
          user={person.user}
          name={person.name}
          role={roles.get(person.user)}
          onClose={() => setPerson(null)}
        />
      )}
    </aside>
  );
}

/** Return the stored members of a room, loaded page by page; none for a room that is not stored. */
function useStored(room: Room, isJoined: boolean) {
  const { client, details } = useApp();
  useChanges((listener) => details.subscribe(listener), [details]);
  const isStored = isJoined && details.of(room.id) !== null;
  const begin = () => (isStored ? client.admin(room.id).members() : null);
  return usePagedList(begin, PAGE, [room.id, isStored, details.membersVersion(room.id)]);
}

/** In a direct room, add the other person if absent. */
function withPeer(members: readonly Member[], { peer, title }: RoomEntry): readonly Member[] {
  if (peer === null || members.some((member) => member.user === peer)) return members;
  return [...members, { user: peer, name: title, status: "offline" }];
}

interface MemberItemProps {
  member: Member;
  role: Role | undefined;
  onPick: (member: Member) => void;
}

const ROLES: Partial<Record<Role, string>> = { owner: "Owner", admin: "Admin" };

function MemberItem({ member, role, onPick }: MemberItemProps) {
  const { notes } = useApp();
  const { status, note, line } = useStatus(member);
  const name = cleanName(member.name, member.user);
  return (
    <li class="member-item" data-user={member.user}>
      <button type="button" class="member" onClick={() => onPick(member)} data-testid="member">
        <span class="with-dot">
          <Avatar user={member.user} name={name} />
          <PresenceDot status={status} user={member.user} />
        </span>
        <span class="member-text">
          <span class="member-name">
            <DisplayName of={name} />
          </span>
          <span class="member-line">
            {role && ROLES[role] && <span class="role">{ROLES[role]}</span>}
            <bdi>{note || notes.of(member.user) || line}</bdi>
          </span>
        </span>
      </button>
    </li>
  );
}

const LABELS = { online: "Online", away: "Away", busy: "Busy", offline: "Offline" };
const ORDER = { online: 0, busy: 1, away: 2, offline: 3 };

/** Return the status and note of a person, and the line to show without a note. */
function useStatus({ user }: Member): { status: ShownStatus; note: string; line: string } {
  const { client, self } = useApp();
  const now = useNow(30_000);
  const { ownStatus, ownNote } = client.presence;
  if (user === self.user)
    return { status: ownStatus === "invisible" ? "offline" : ownStatus, note: "", line: ownNote || "You" };
  const { status, note = "", last_seen } = client.presence.get(user);
  return { status, note, line: status === "offline" ? lastSeen(last_seen, now) : LABELS[status] };
}

/** Sort the signed-in user first, then by presence, then by name. */
function useSorted(members: readonly Member[]): Member[] {
  const { client, self } = useApp();
  useChanges((listener) => client.presence.subscribe(listener), [client]);
  const rank = (user: UserId) => (user === self.user ? -1 : ORDER[client.presence.get(user).status]);
  return [...members].sort((a, b) => rank(a.user) - rank(b.user) || a.name.localeCompare(b.name));
}

function More({ label, onClick }: { label: string; onClick: () => void }) {
  return (
    <li class="member-more">
      <button type="button" class="button small" onClick={onClick}>
        {label}
      </button>
    </li>
  );
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
