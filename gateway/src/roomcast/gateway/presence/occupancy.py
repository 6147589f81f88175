"""Keep the occupancy of rooms: write this gateway's users to Redis, and send local members all changes of occupants.

Redis stores the occupants of each room, and its scripts publish every change to the gateways that subscribe to the
room. This module turns these changes into the answers of joins, and into one presence diff per second for the local
members.
"""

from __future__ import annotations

import time
from asyncio import sleep
from collections.abc import Awaitable, Collection, Iterable, Mapping
from typing import Final

from roomcast.contract.envelope import OccupancyChange, RoomNote
from roomcast.contract.events.presence import PresenceChange
from roomcast.contract.events.server_events import PRESENCE, ROOM
from roomcast.contract.ids import people_of
from roomcast.contract.limits import MAX_LIST, MAX_PRESENCE_ROOM
from roomcast.gateway.background.slices import SLICE, in_slices
from roomcast.gateway.chat.ports import RoomSnapshot
from roomcast.gateway.presence.dict_of_sets import discard
from roomcast.gateway.presence.diff import PresenceDiff, RecentLeavers, entered_rows
from roomcast.gateway.presence.member_cache import MemberCache, Row
from roomcast.gateway.presence.ports import OccupancyPort, PresencePort, RoomUsers, Sender
from roomcast.gateway.presence.watchers import Watchers
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.occupancy import JoinResult, OccupancyUpdate
from roomcast.wire.envelope import Reader
from roomcast.wire.tasks import MakeTask

LEAVER_SECONDS: Final = 5.0
"""Seconds for which a room still gets the presence of a user who left, because "offline" comes after "left"."""


class OccupancyService:
    """The occupancy of the rooms of one gateway.

    `hidden` is the live set of users connected here who are invisible on at least one device.
    """

    def __init__(
        self,
        store: OccupancyPort,
        presence: PresencePort,
        names: RoomUsers,
        sender: Sender,
        watchers: Watchers,
        hidden: Collection[str],
        make_task: MakeTask,
    ) -> None:
        self._store = store
        self._presence = presence
        self._names = names
        self._sender = sender
        self._watchers = watchers
        self._hidden = hidden
        self._make_task = make_task
        self._local: dict[str, dict[str, dict[str, ChatSession]]] = {}
        """Room -> user -> the user's sessions here by id, including invisible users."""
        self._rooms_of: dict[str, set[str]] = {}
        """User -> the rooms in `_local` that have the user."""
        self._direct: dict[str, set[str]] = {}
        """User -> the user's direct rooms among the keys of `_local`."""
        self._apart: set[str] = set()
        """Direct rooms here in which one person blocks the other: neither person is shown in them."""
        self._complete: set[str] = set()
        """Rooms of which `_watchers` has all occupants; each later change keeps the occupants complete."""
        self._cache = MemberCache(self._read_members, make_task, time.monotonic)
        self._diffs: dict[str, PresenceDiff] = {}
        self._leavers = RecentLeavers()
        self._notes = Reader(RoomNote)

    def __bool__(self) -> bool:
        return bool(self._local or self._leavers)

    def sessions_in(self, room: str) -> list[ChatSession]:
        """Return the sessions here that are in a room or are entering it."""
        return [session for sessions in self._local.get(room, {}).values() for session in sessions.values()]

    def users_of_direct_rooms(self) -> set[str]:
        """Return both people of each direct room in which at least one of them has a session here."""
        return set(self._direct)

    def direct_rooms(self, user: str) -> list[str]:
        """Return the user's direct rooms in which at least one of the two people has a session here."""
        return list(self._direct.get(user, ()))

    def apart_rooms(self, user: str) -> set[str]:
        """Return the user's direct rooms here in which a block hides the two people from each other."""
        return self._apart & self._direct.get(user, set())

    async def keep_apart(self, room: str, *, is_apart: bool) -> None:
        """Hide the two people of a direct room from each other if `is_apart`; else show them again."""
        if is_apart == (room in self._apart):
            return
        (self._apart.add if is_apart else self._apart.discard)(room)
        self._cache.forget_room(room)
        self._complete.discard(room)
        if is_apart:
            self._leavers.forget_room(room)
            self._watchers.set_occupants(room, (), 0)
        for user, sessions in list(self._local.get(room, {}).items()):
            if is_apart:
                await self._store.leave_room(room, user)
            elif user not in self._hidden:
                session = next(iter(sessions.values()))
                await self._store.enter_room(room, user, session.identity.name, session.status, users=0)

    # --- joining and leaving here ---

    def enter_room(self, session: ChatSession, room: str) -> Awaitable[RoomSnapshot]:
        """Add a session to a room; see `roomcast.gateway.chat.ports.RoomOccupancy`."""
        user = session.user
        users = self._local.setdefault(room, {})
        for person in people_of(room):
            self._direct.setdefault(person, set()).add(room)
        is_first = user not in users
        users.setdefault(user, {})[session.sid] = session
        self._rooms_of.setdefault(user, set()).add(room)
        is_cached = room in self._complete and self._cache.is_cached(room)
        limit = 0 if is_cached else MAX_PRESENCE_ROOM
        if is_first and user not in self._hidden and room not in self._apart:
            reply = self._store.enter_room(room, user, session.identity.name, session.status, users=limit)
        else:
            reply = self._store.read_room(room, user, users=limit)
        return self._snapshot(session, room, reply, is_cached=is_cached)

    async def _snapshot(
        self, session: ChatSession, room: str, reply: Awaitable[JoinResult], *, is_cached: bool
    ) -> RoomSnapshot:
        joined = await reply
        own = {"user": session.user, "name": session.identity.name, "status": session.status}
        if room in self._apart:
            return RoomSnapshot(joined.occupancy, [own], await self._read_marks(room, joined, [own]))
        users = set() if is_cached else self._current_users(room, joined)
        if not is_cached and room in self._local:
            self._set_occupants(room, users, joined.occupancy)
            if users == {session.user} and not self._cache.is_cached(room):
                self._cache.set_members(room, [own])
        others = [row for row in await self._cache.get_members(room, users) if row["user"] != session.user]
        members = [own, *others][:MAX_LIST]
        return RoomSnapshot(joined.occupancy, members, await self._read_marks(room, joined, members))

    async def _read_marks(self, room: str, joined: JoinResult, members: list[Row]) -> dict[str, int]:
        """Return the read marks of these members. For a large room the script returned only the user's own mark."""
        listed = [member["user"] for member in members]
        if joined.occupancy > MAX_PRESENCE_ROOM:
            return await self._names.read_marks(room, listed)
        return {user: joined.marks[user] for user in listed if user in joined.marks}

    def _set_occupants(self, room: str, users: set[str], occupancy: int) -> list[str]:
        """Watch all occupants, and recent leavers, whose "offline" may still come. Return the newly watched users."""
        self._complete.add(room)
        return self._watchers.set_occupants(room, users.union(self._leavers.in_room(room)), occupancy)

    def _current_users(self, room: str, read: OccupancyUpdate | JoinResult) -> set[str]:
        """Return the users that Redis listed, with the changes received since; Redis lists no users of large rooms."""
        diff = self._diffs.get(room)
        if diff is None or read.occupancy > MAX_PRESENCE_ROOM:
            return set(read.users)
        return diff.applied_to(read.users)

    async def leave_room(self, session: ChatSession, room: str) -> None:
        """Remove a session from a room, or undo its failed join. Idempotent."""
        users = self._local.get(room, {})
        sessions = users.get(session.user, {})
        sessions.pop(session.sid, None)
        if sessions:
            return
        users.pop(session.user, None)
        discard(self._rooms_of, session.user, room)
        if not users and self._local.pop(room, None) is not None:
            self._forget_room(room)
        await self._store.leave_room(room, session.user)

    def _forget_room(self, room: str) -> None:
        """Forget a room after its last local member has left, because this gateway gets no more changes of the room."""
        for person in people_of(room):
            discard(self._direct, person, room)
        self._watchers.forget_room(room)
        self._complete.discard(room)
        self._apart.discard(room)
        self._leavers.forget_room(room)
        self._cache.forget_room(room)
        self._diffs.pop(room, None)

    async def page_members(self, room: str, after: str | None, limit: int) -> tuple[list[Row], str | None]:
        """Return a page of members; see `roomcast.gateway.chat.ports.RoomOccupancy`."""
        page = await self._store.page_users(room, after, limit)
        return await self._describe(page.users), page.after

    async def describe_users(self, users: list[str]) -> list[Row]:
        """Return `{user, name, status}` of each user, including offline users, in the given order."""
        names, shown = await self._names.names(users), await self._presence.query_users(users)
        return [{"user": user, "name": names[user], "status": shown[user].status} for user in users]

    async def _read_members(self, room: str, users: Collection[str]) -> list[Row]:
        """Return up to a hundred members of the room: of `users`, or if that is empty, of a sample from Redis."""
        return await self._describe(sorted(users)[:MAX_LIST] or await self._store.sample_users(room, MAX_LIST))

    async def _describe(self, users: list[str]) -> list[Row]:
        """Return rows of these users. Offline users are left out: their entries in the room are about to expire."""
        return [row for row in await self.describe_users(users) if row["status"] != "offline"]

    # --- changes on any gateway ---

    async def set_visibility(self, user: str, status: str, *, is_hidden: bool) -> None:
        """Remove a user who became invisible from the rooms here, or add the user again with this status.

        Stops if the user's choice changes meanwhile, so that an invisible user is never added. The cost must grow only
        with the user's own rooms, because a user may change visibility twenty times a second.
        """
        names = {} if is_hidden else await self._names.names([user])
        for room in list(self._rooms_of.get(user, ())):
            if is_hidden != (user in self._hidden):
                return
            if room not in self._rooms_of.get(user, ()) or room in self._apart:
                continue
            if is_hidden:
                await self._store.leave_room(room, user)
            else:
                await self._store.enter_room(room, user, names[user], status, users=0)

    def receive_note(self, room: str, data: bytes) -> None:
        """Apply a `RoomNote` from a room's channel. Raise EnvelopeError for any other message."""
        change = self._notes.unpack(data)
        if room in self._local:
            self._apply_change(room, change)

    def _apply_change(self, room: str, change: OccupancyChange) -> None:
        if room in self._apart:  # send which users left, but not which users entered
            self._diffs.setdefault(room, PresenceDiff()).add_change(OccupancyChange(change.occupancy, [], change.left))
            return
        self._cache.apply_diff(room, entered_rows(change), change.left)
        for user, name, _ in change.entered:
            self._names.note_name(user, name)
            self._leavers.remove_leaver(room, user)
            self._watchers.add_occupant(room, user, change.occupancy)
        self._watchers.cancel_offline(user for user, _, _ in change.entered)
        due = time.monotonic() + LEAVER_SECONDS
        for user in change.left:
            if change.occupancy <= MAX_PRESENCE_ROOM:
                self._leavers.add_leaver(room, user, due)
            self._watchers.add_occupant(room, user, change.occupancy)  # a read may have removed the user meanwhile
        self._diffs.setdefault(room, PresenceDiff()).add_change(change)

    async def refresh_rooms(self) -> set[str]:
        """Refresh this gateway's users in Redis; return occupants whose presence is not known here yet."""
        newcomers: set[str] = set()
        missed: list[tuple[str, OccupancyUpdate]] = []
        async for room, update in self._store.refresh_rooms(list(self._local), self._visible_users):
            if room in self._local and room not in self._apart:
                newcomers.update(self._set_occupants(room, self._current_users(room, update), update.occupancy))
            if update.appeared:
                missed.append((room, update))
        if missed:
            self._make_task(self._publish_returned(missed), "returned occupants")
        return newcomers

    def distrust_rooms(self) -> None:
        """Read each room again at its next join, because the gateway may have missed changes."""
        self._complete.clear()

    def _visible_users(self, room: str) -> list[str]:
        """Return the users here whom other users may see in the room."""
        if room in self._apart:
            return []
        return [user for user in self._local.get(room, ()) if user not in self._hidden]

    async def _publish_returned(self, missed: Iterable[tuple[str, OccupancyUpdate]]) -> None:
        """Publish users that Redis had lost, because other gateways may have announced that these users left."""
        for room, update in missed:
            is_named = update.occupancy <= MAX_PRESENCE_ROOM
            entered = [row for user in update.appeared if (row := self._entered_row(room, user))] if is_named else []
            await self._store.publish_change(room, OccupancyChange(update.occupancy, entered))

    def _entered_row(self, room: str, user: str) -> tuple[str, str, str] | None:
        """Return (user, display name, status) of a user with a session in the room here; else None."""
        session = next(iter(self._local.get(room, {}).get(user, {}).values()), None)
        return None if session is None else (user, session.identity.name, session.status)

    # --- events to local members ---

    async def send_statuses(self, rooms: Mapping[str, list[PresenceChange]]) -> int:
        """Send the changed statuses to the local members of the rooms; return the number of these members."""
        packets = 0
        async for room, changes in in_slices(rooms.items()):
            self._cache.apply_statuses(room, changes)
            if (diff := self._diffs.get(room)) is not None:
                diff.apply_statuses(changes)
            self._sender.to_local_room(room, PRESENCE, {"changes": changes})
            packets += len(self._local.get(room, ()))
        return packets

    async def send_diffs(self, occupancies: Mapping[str, int]) -> None:
        """Send the presence diffs, and the occupancy of rooms too large for names."""
        await self._expire_leavers()
        diffs, self._diffs = self._diffs, {}
        for room, occupancy in occupancies.items():
            diffs.setdefault(room, PresenceDiff()).occupancy = occupancy
        async for room, diff in in_slices(diffs.items()):
            self._sender.to_local_room(room, ROOM, diff.to_event(room))

    async def _expire_leavers(self) -> None:
        now = time.monotonic()
        while expired := self._leavers.take_expired(now, SLICE):
            for room, user in expired:
                self._watchers.remove_occupant(room, user)
            await sleep(0)
