"""Who is in which room: this gateway's people for all others, and everybody for the members here.

The rosters in Redis say who is where, and their scripts tell every gateway that hears a room of who comes and goes.
Here that becomes what a join answers, and what members are told once a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Collection, Iterable, Mapping
from typing import Final

from roomcast.adapter.manager import RedisAdapter
from roomcast.contract.envelope import OccupancyChange as OccupancyChange
from roomcast.contract.envelope import RoomNote
from roomcast.contract.events import MAX_LIST, MAX_PRESENCE_ROOM, PRESENCE, ROOM, PresenceChange
from roomcast.gateway.chat.emitter import Emitter
from roomcast.gateway.chat.rooms import RoomSnapshot
from roomcast.gateway.presence.activity import Watchers
from roomcast.gateway.presence.diff import PresenceDiff, RecentLeavers, rows_of
from roomcast.gateway.presence.member_cache import MemberCache, Row
from roomcast.gateway.presence.slices import SLICE, in_slices
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.gateway.stores.rooms import RoomStore
from roomcast.gateway.stores.roster import JoinResult, Roster, RosterStore
from roomcast.wire.envelope import EnvelopeError, Reader

DEPART_SECONDS: Final = 5.0
_log = logging.getLogger(__name__)


class OccupancyService:
    """The rooms of one gateway. `hidden`, live: people connected here whom nobody may see, on any of their devices."""

    def __init__(
        self,
        adapter: RedisAdapter,
        outbox: Emitter,
        presence: PresenceStore,
        rosters: RosterStore,
        store: RoomStore,
        watchers: Watchers,
        hidden: Collection[str],
    ) -> None:
        self._adapter = adapter
        self._outbox = outbox
        self._presence = presence
        self._rosters = rosters
        self._store = store
        self._watchers = watchers
        self._hidden = hidden
        self._here: dict[str, dict[str, dict[str, ChatSession]]] = {}
        """room -> user -> the user's sessions here by id, invisible ones included"""
        self._whole: set[str] = set()
        """rooms of which the watchers know everybody: who comes and goes is heard from then on"""
        self._views = MemberCache(self._look, adapter.background, time.monotonic)
        self._news: dict[str, PresenceDiff] = {}
        self._departing = RecentLeavers()
        self._notes = Reader(RoomNote)

    def __bool__(self) -> bool:
        return bool(self._here or self._departing)

    # --- coming and going here ---

    def enter(self, session: ChatSession, room: str) -> Awaitable[RoomSnapshot]:
        """See `roomcast.gateway.chat.rooms.OccupancyChange`."""
        user, name = session.user, session.identity.name
        users = self._here.setdefault(room, {})
        is_first = user not in users
        users.setdefault(user, {})[session.sid] = session
        is_known = room in self._whole and self._views.has(room)
        limit = 0 if is_known else MAX_PRESENCE_ROOM
        if is_first and user not in self._hidden:
            asked = self._rosters.enter(room, user, name, session.status, users=limit)
        else:
            asked = self._rosters.look(room, user, users=limit)
        return self._entered(session, room, asked, is_known=is_known)

    async def _entered(
        self, session: ChatSession, room: str, asked: Awaitable[JoinResult], *, is_known: bool
    ) -> RoomSnapshot:
        entrance = await asked
        user, users = session.user, set() if is_known else self._present_in(room, entrance)
        oneself = {"user": user, "name": session.identity.name, "status": session.status}
        if not is_known and room in self._here:
            self._take(room, users, entrance.occupancy)
            if users == {user} and not self._views.has(room):
                self._views.put(room, [oneself])
        others = [row for row in await self._views.get(room, users) if row["user"] != user]
        members = [oneself, *others][:MAX_LIST]
        return RoomSnapshot(entrance.occupancy, members, await self._marks(room, entrance, members))

    async def _marks(self, room: str, entrance: JoinResult, members: list[Row]) -> dict[str, int]:
        """What these members have read. Of a room with too many people the script tells one mark only."""
        listed = [member["user"] for member in members]
        if entrance.occupancy > MAX_PRESENCE_ROOM:
            return await self._store.read_marks(room, listed)
        return {user: entrance.marks[user] for user in listed if user in entrance.marks}

    def _take(self, room: str, users: set[str], occupancy: int) -> list[str]:
        """Watch everybody in the room, and those who left a moment ago: of them it is still to hear "offline"."""
        self._whole.add(room)
        return self._watchers.roster(room, users.union(self._departing.of(room)), occupancy)

    def _present_in(self, room: str, roster: Roster | JoinResult) -> set[str]:
        """A roster as Redis had it, with what was heard of the room meanwhile; empty where there are too many."""
        news = self._news.get(room)
        if news is None or roster.occupancy > MAX_PRESENCE_ROOM:
            return set(roster.users)
        return news.applied_to(roster.users)

    async def leave(self, session: ChatSession, room: str) -> None:
        """The session is not in the room any more, or has not come in after all."""
        users = self._here.get(room, {})
        sessions = users.get(session.user, {})
        sessions.pop(session.sid, None)
        if sessions:
            return
        users.pop(session.user, None)
        if not users and self._here.pop(room, None) is not None:
            self._watchers.drop_room(room)
            self._whole.discard(room)
            self._departing.drop_room(room)
            self._views.drop(room)
            self._news.pop(room, None)  # what is said of the room from now on is not heard here
        await self._rosters.exit(room, session.user)

    async def present(self, room: str, after: str | None, limit: int) -> tuple[list[Row], str | None]:
        """See `roomcast.gateway.chat.rooms.OccupancyChange`."""
        page = await self._rosters.page(room, after, limit)
        return await self._describe(page.users), page.after

    async def _look(self, room: str, users: Collection[str]) -> list[Row]:
        """Up to a hundred people in the room: these users, or whom Redis names."""
        return await self._describe(sorted(users)[:MAX_LIST] or await self._rosters.some(room, MAX_LIST))

    async def _describe(self, users: list[str]) -> list[Row]:
        """Who is online of these people; an entry of somebody who went offline or invisible is about to go."""
        names, shown = await self._store.names(users), await self._presence.query(users)
        rows = [{"user": user, "name": names[user], "status": shown[user].status} for user in users]
        return [row for row in rows if row["status"] != "offline"]

    # --- coming and going anywhere ---

    async def show(self, user: str, status: str, *, is_hidden: bool) -> None:
        """Take a person who became invisible out of the rooms here, or back in with this status."""
        for room, users in list(self._here.items()):
            if user not in users:
                continue
            if is_hidden:
                await self._rosters.exit(room, user)
            else:
                names = await self._store.names([user])
                await self._rosters.enter(room, user, names[user], status, users=0)

    def hear(self, room: str, data: bytes) -> None:
        """A note on a room's channel."""
        try:
            note = self._notes.unpack(data)
        except EnvelopeError as error:
            _log.warning("not a room note: %s", error)
            return
        if room not in self._here:
            return
        self._views.tell(room, rows_of(note), note.left)
        for user, name, _ in note.entered:
            self._store.note_name(user, name)
            self._departing.back(room, user)
            self._watchers.arrive(room, user, note.occupancy)
        now = int(time.time() * 1000)
        self._watchers.apply([(user, status, now, "") for user, _, status in note.entered])
        due = time.monotonic() + DEPART_SECONDS
        for user in note.left:
            if note.occupancy <= MAX_PRESENCE_ROOM:
                self._departing.add(room, user, due)
            self._watchers.arrive(room, user, note.occupancy)  # a roster read meanwhile may have lost them already
        news = self._news.get(room)
        if news is None:
            news = self._news[room] = PresenceDiff()
        news.add(note)

    async def refresh(self) -> set[str]:
        """Confirm the rosters; returns the people of whom nothing is known here yet."""
        newcomers: set[str] = set()
        missed: list[tuple[str, Roster]] = []
        async for room, roster in self._rosters.refresh(list(self._here), self._visible):
            if room in self._here:
                newcomers.update(self._take(room, self._present_in(room, roster), roster.occupancy))
            if roster.appeared:
                missed.append((room, roster))
        if missed:
            self._adapter.background(self._introduce(missed), "those who are back")
        return newcomers

    def doubt(self) -> None:
        """Notes may have been missed: whoever joins next asks who is there."""
        self._whole.clear()

    def _visible(self, room: str) -> list[str]:
        """Whom others may see in the room, of those connected here."""
        return [user for user in self._here.get(room, ()) if user not in self._hidden]

    async def _introduce(self, missed: Iterable[tuple[str, Roster]]) -> None:
        """These were missing, and the rooms may have been told that they left: others took this gateway for dead."""
        for room, roster in missed:
            is_named = roster.occupancy <= MAX_PRESENCE_ROOM
            entered = [row for user in roster.appeared if (row := self._row(room, user))] if is_named else []
            await self._rosters.tell(room, OccupancyChange(roster.occupancy, entered))

    def _row(self, room: str, user: str) -> tuple[str, str, str] | None:
        """Who this is that is in the room here: user, display name, status."""
        session = next(iter(self._here.get(room, {}).get(user, {}).values()), None)
        return None if session is None else (user, session.identity.name, session.status)

    # --- telling the members here ---

    async def tell_changes(self, rooms: Mapping[str, list[PresenceChange]]) -> None:
        """The status of people in these rooms has changed."""
        async for room, changes in in_slices(rooms.items()):
            self._views.change(room, changes)
            self._outbox.to_local_room(room, PRESENCE, {"changes": changes})

    async def tell_news(self, occupancies: Mapping[str, int]) -> None:
        """Who came and went; and how many are in rooms too large for names."""
        await self._forget_departed()
        news, self._news = self._news, {}
        for room, occupancy in occupancies.items():
            news.setdefault(room, PresenceDiff()).occupancy = occupancy
        async for room, each in in_slices(news.items()):
            self._outbox.to_local_room(room, ROOM, each.event(room))

    async def _forget_departed(self) -> None:
        now = time.monotonic()
        while over := self._departing.take(now, SLICE):
            for room, user in over:
                self._watchers.depart(room, user)
            await asyncio.sleep(0)
