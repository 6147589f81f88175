"""Who is where, told to those who look: wires presence (pure), its stores, and the outbox; runs once a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeVar

from contract import keys
from contract.envelope import EnvelopeError, PresenceChanges, Reader, RoomNote
from contract.envelope import People as PeopleNote
from contract.errors import Code, RoomcastError
from contract.events import MAX_LIST, MAX_PRESENCE_ROOM, ONLINE_SECONDS, PRESENCE, ROOM, TYPING, PresenceUsers, Typing
from contract.events import Presence as PresencePayload
from gateway.adapter.manager import RedisAdapter
from gateway.news import Departing, RoomNews, rows_of
from gateway.outbox import NAMESPACE, Outbox
from gateway.presence import Attendance, Watchers, change
from gateway.rooms import Present
from gateway.session import Session
from gateway.stores.presence import PresenceStore
from gateway.stores.rooms import RoomStore
from gateway.stores.roster import Entrance, Roster, RosterStore
from gateway.views import Row, Views
from gateway.waits import Waits

ANNOUNCE_SECONDS: Final = 5
REFRESH_SECONDS: Final = 20
DEPART_SECONDS: Final = 5.0
_EARLY_SECONDS: Final = 0.01
"""A beat may come a little early, and nothing should wait one more for that."""
_KNOWN_SECONDS: Final = 2.0
_GATHER_SECONDS: Final = 0.025
"""Between two flushes. What changes while nothing was flushed for so long is written at once: a storm is gathered, a
single person does not wait."""
_SIGNS: Final = 1_000
"""Signs of life noted between two turns of the loop: 0.2 to 1 ms."""
_SLICE: Final = 16
"""Rooms or people served between two turns of the loop: 0.5 to 3 ms."""

Item = TypeVar("Item")
_log = logging.getLogger(__name__)


class People:
    """Presence, typing and room occupancy of one gateway."""

    def __init__(
        self,
        adapter: RedisAdapter,
        outbox: Outbox,
        presence: PresenceStore,
        rosters: RosterStore,
        store: RoomStore,
    ) -> None:
        self._adapter = adapter
        self._outbox = outbox
        self._presence = presence
        self._rosters = rosters
        self._store = store
        self._attendance = Attendance(time.monotonic)
        self._watchers = Watchers(time.monotonic)
        self._here: dict[str, dict[str, set[str]]] = {}
        """room -> user -> the user's sessions here, invisible ones included"""
        self._whole: set[str] = set()
        """rooms of which the watchers know everybody: who comes and goes is heard from then on"""
        self._hidden: set[str] = set()
        """people connected here who chose to be invisible, on any device"""
        self._views = Views(self._look, adapter.background, time.monotonic)
        self._news: dict[str, RoomNews] = {}
        self._departing = Departing()
        self._unwritten = Waits(_KNOWN_SECONDS)
        """sessions that presence has not heard of yet"""
        self._wake = asyncio.Event()
        self._flushed_at = 0.0
        self._changes = Reader(PresenceChanges)
        self._notes = Reader(RoomNote)
        self.is_draining = False
        self.session_of: Callable[[str], Session | None] = _no_session
        """A session of this gateway by its id."""

    def start(self) -> None:
        """Hear presence changes and room notes."""
        for shard in range(keys.PRESENCE_SHARDS):
            self._adapter.listen(keys.presence_channel(shard), self._hear_changes)
        self._adapter.fanout.on_note = self._hear_note

    # --- connections ---

    def opened(self, session: Session) -> None:
        self._attendance.enter(session.sid, session.user)
        self._unwritten.add(session.sid)
        self._wake.set()

    async def closed(self, session: Session) -> None:
        """A connection ended. While draining it is about to come back elsewhere: its presence is left to expire."""
        self._watchers.drop_connection(session.sid)
        self._unwritten.settle([session.sid])
        if not self.is_draining:
            self._attendance.leave(session.sid)
            self._wake.set()
        for room in list(session.rooms):
            try:
                await self.left(session, room)
            except RoomcastError as error:
                _log.warning("leaving a room: %s; its entry expires by itself", error)

    def seen(self, sid: str) -> None:
        """A sign of life of a connection."""
        self._attendance.seen(sid)

    # --- gateway.rooms.People ---

    def enter(self, session: Session, room: str) -> Awaitable[Present]:
        user, name = session.user, session.identity.name
        users = self._here.setdefault(room, {})
        is_first = user not in users
        users.setdefault(user, set()).add(session.sid)
        is_known = room in self._whole and self._views.has(room)
        limit = 0 if is_known else MAX_PRESENCE_ROOM
        if is_first and user not in self._hidden:
            asked = self._rosters.enter(room, user, name, session.status, users=limit)
        else:
            asked = self._rosters.look(room, user, users=limit)
        return self._entered(session, room, asked, is_known=is_known)

    async def _entered(self, session: Session, room: str, asked: Awaitable[Entrance], *, is_known: bool) -> Present:
        entrance = await asked
        user, users = session.user, entrance.users
        oneself = {"user": user, "name": session.identity.name, "status": session.status}
        if not is_known:
            self._take(room, entrance)
            if users == [user] and not self._views.has(room):
                self._views.put(room, [oneself])
        others = [row for row in await self._views.get(room, users) if row["user"] != user]
        members = [oneself, *others][:MAX_LIST]
        marks = entrance.marks
        if entrance.occupancy > MAX_PRESENCE_ROOM:  # too many for the script to name
            marks = await self._store.read_marks(room, [member["user"] for member in members])
        return Present(entrance.occupancy, members, marks)

    def _take(self, room: str, roster: Roster | Entrance) -> list[str]:
        """A roster as Redis has it, who came after it was asked for, and those who left a moment ago: of them the room
        is still to hear "offline"."""
        self._whole.add(room)
        news = self._news.get(room)
        users = {*roster.users, *self._departing.of(room), *(news.entered if news else ())}
        return self._watchers.roster(room, users, roster.occupancy)

    async def shows(self, session: Session) -> bool:
        await self.known(session)
        return session.is_visible and session.user not in self._hidden

    async def known(self, session: Session) -> None:
        """Until presence has heard of the session: only then is it known whether another device hides the user."""
        if not await self._unwritten.known(session.sid):
            raise RoomcastError(Code.UNAVAILABLE, "presence does not answer")

    async def left(self, session: Session, room: str) -> None:
        users = self._here.get(room, {})
        sids = users.get(session.user, set())
        sids.discard(session.sid)
        if sids:
            return
        users.pop(session.user, None)
        if not self._attendance.connections(session.user):
            self._hidden.discard(session.user)
        if not users and self._here.pop(room, None) is not None:
            self._watchers.drop_room(room)
            self._whole.discard(room)
            self._departing.drop_room(room)
            self._views.drop(room)
        await self._rosters.exit(room, session.user)

    async def present(self, room: str, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        page = await self._rosters.page(room, after, limit)
        return await self._describe(page.users), page.after

    async def _look(self, room: str, users: Sequence[str]) -> list[Row]:
        """Up to a hundred people in the room: these users, or whom Redis names."""
        return await self._describe(sorted(users) or await self._rosters.some(room, MAX_LIST))

    async def _describe(self, users: list[str]) -> list[dict[str, Any]]:
        """Who is online of these people; an entry of somebody who went offline or invisible is about to go."""
        names, shown = await self._store.names(users), await self._presence.query(users)
        rows = [{"user": user, "name": names[user], "status": shown[user].status} for user in users]
        return [row for row in rows if row["status"] != "offline"]

    # --- use cases ---

    async def beat(self, session: Session, p: PresencePayload) -> dict[str, Any]:
        """The `presence` event: a sign of life, and perhaps a new status."""
        if self._attendance.update(session.sid, p.status, p.note):
            session.status = p.status or session.status
            session.note = session.note if p.note is None else p.note
            self._wake.set()
        return {"online_seconds": ONLINE_SECONDS}

    async def query(self, session: Session, p: PresenceUsers) -> dict[str, Any]:
        return {"users": await self._snapshot(p.users)}

    async def watch(self, session: Session, p: PresenceUsers) -> dict[str, Any]:
        self._watchers.watch(session.sid, p.users)
        return {"users": await self._snapshot(p.users)}

    async def unwatch(self, session: Session, p: PresenceUsers) -> dict[str, Any]:
        self._watchers.unwatch(session.sid, p.users)
        return {"users": {}}

    async def typing(self, session: Session, p: Typing) -> dict[str, Any]:
        """Droppable: only from members, never of invisible people, and lost when Redis is away."""
        if p.room in session.rooms and await self.shows(session):
            data = {"room": p.room, "user": session.user, "typing": p.typing}
            await self._outbox.to_room(p.room, TYPING, data, skip=session.sid)
        return {}

    async def _snapshot(self, users: list[str]) -> dict[str, dict[str, Any]]:
        shown = await self._presence.query(users)
        rows = {user: change(user, *row) for user, row in shown.items()}
        return {user: {key: value for key, value in row.items() if key != "user"} for user, row in rows.items()}

    # --- what is heard ---

    def _hear_changes(self, data: bytes) -> None:
        try:
            rows = self._changes.unpack(data).rows
        except EnvelopeError as error:
            _log.warning("not presence: %s", error)
            return
        self._watchers.apply(rows)
        status = {row[0]: row[1] for row in rows}
        for user, is_hidden in self._attendance.visibility(rows):
            if self._turn(user, is_hidden=is_hidden):
                self._adapter.background(self._show(user, status[user], is_hidden=is_hidden), "visibility")

    def _turn(self, user: str, *, is_hidden: bool) -> bool:
        """Note whether a person is invisible; False when that is no news."""
        is_news = is_hidden != (user in self._hidden)
        (self._hidden.add if is_hidden else self._hidden.discard)(user)
        return is_news

    async def _show(self, user: str, status: str, *, is_hidden: bool) -> None:
        """Take a person who became invisible out of the rooms here, or back in with this status."""
        for room, users in list(self._here.items()):
            if user not in users:
                continue
            if is_hidden:
                await self._rosters.exit(room, user)
            else:
                names = await self._store.names([user])
                await self._rosters.enter(room, user, names[user], status, users=0)

    def _hear_note(self, room: str, data: bytes) -> None:
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
            news = self._news[room] = RoomNews()
        news.add(note)

    # --- the loop ---

    async def run(self) -> None:
        """For ever: flush signs of life, deliver changes, announce the node, refresh rosters."""
        loop, beat = asyncio.get_running_loop(), self._adapter.beat
        announce_at = refresh_at = deliver_at = 0.0
        while True:
            now = loop.time()
            if now >= announce_at:
                announce_at = beat.due(ANNOUNCE_SECONDS) - _EARLY_SECONDS
                await self._quietly(self._announce())
            if now >= refresh_at:
                refresh_at = beat.due(REFRESH_SECONDS) - _EARLY_SECONDS
                await self._quietly(self._refresh())
            self._wake.clear()
            await self._quietly(self._flush(signs=now >= deliver_at))
            self._flushed_at = loop.time()
            if now >= deliver_at:
                deliver_at = beat.due() - _EARLY_SECONDS
                await self._deliver()
            await self._rest()

    async def _rest(self) -> None:
        """Until something that others can see changes, or the next beat; of an empty gateway only the node is heard."""
        is_empty = not (self._attendance or self._here or self._departing)
        try:
            async with asyncio.timeout_at(self._adapter.beat.due(ANNOUNCE_SECONDS if is_empty else 1)):
                await self._wake.wait()
            await asyncio.sleep(max(0.0, self._flushed_at + _GATHER_SECONDS - asyncio.get_running_loop().time()))
        except TimeoutError:
            pass

    async def retire(self) -> None:
        """The node's last word, after a drain."""
        await self._quietly(self._flush(signs=True))
        await self._quietly(self._presence.retire_node())

    @staticmethod
    async def _quietly(work: Any) -> None:
        """Redis trouble here waits for the next round."""
        try:
            await work
        except RoomcastError as error:
            _log.info("presence waits: %s", error)

    async def _announce(self) -> None:
        if not await self._presence.announce_node():
            self._attendance.refresh()

    async def _refresh(self) -> None:
        """Open connections are alive: pings would have ended them otherwise. Rosters are confirmed."""
        sids = list(self._adapter.members.everyone(NAMESPACE))
        for start in range(0, len(sids), _SIGNS):
            for sid in sids[start : start + _SIGNS]:
                self._attendance.seen(sid)
            await asyncio.sleep(0)
        newcomers: set[str] = set()
        missed: list[tuple[str, Roster]] = []
        async for room, roster in self._rosters.refresh(list(self._here), self._visible):
            if room in self._here:
                newcomers.update(self._take(room, roster))
            if roster.appeared:
                missed.append((room, roster))
        await self._look_again(newcomers)
        if missed:
            self._adapter.background(self._introduce(missed), "those who are back")

    def _visible(self, room: str) -> list[str]:
        """Whom others may see in the room, of those connected here."""
        return [user for user in self._here.get(room, ()) if user not in self._hidden]

    async def _introduce(self, missed: Iterable[tuple[str, Roster]]) -> None:
        """These were missing, and the rooms may have been told that they left: others took this gateway for dead."""
        for room, roster in missed:
            is_named = roster.occupancy <= MAX_PRESENCE_ROOM
            entered = [row for user in roster.appeared if (row := self._row(room, user))] if is_named else []
            await self._rosters.tell(room, PeopleNote(roster.occupancy, entered))

    def _row(self, room: str, user: str) -> tuple[str, str, str] | None:
        """Who this is that is in the room here: user, display name, status."""
        for sid in self._here.get(room, {}).get(user, ()):
            if (session := self.session_of(sid)) is not None:
                return user, session.identity.name, session.status
        return None

    def resubscribed(self) -> None:
        """Changes may have been missed: ask how everybody is, and who is in a room that somebody joins."""
        self._whole.clear()
        self._adapter.background(self._quietly(self._look_again(self._watchers.users())), "presence, again")

    async def _look_again(self, users: Collection[str]) -> None:
        if users:
            shown = await self._presence.query(users)
            self._watchers.apply([(user, *row) for user, row in shown.items()])

    async def _flush(self, *, signs: bool) -> None:
        """Write everything that others can see, a bounded batch at a time; once a second the signs of life as well."""
        while batch := self._attendance.take(signs=signs):
            try:
                unknown, hidden = await self._presence.write(batch)
            except RoomcastError:
                self._attendance.restore(batch)
                raise
            self._attendance.unknown(unknown)
            for user in hidden:
                if self._turn(user, is_hidden=True):
                    await self._show(user, "offline", is_hidden=True)
            self._unwritten.settle(row.connection for row in batch.full)
            if not self._attendance.is_urgent:
                return

    async def _deliver(self) -> None:
        """What changed, to whoever looks: in slices, for a neighbour's ten thousand clients may have gone at once."""
        out = self._watchers.flush()
        async for room, changes in _in_slices(out.rooms.items()):
            self._views.change(room, changes)
            self._outbox.to_local_room(room, PRESENCE, {"changes": changes})
        async for sid, changes in _in_slices(out.connections.items()):
            self._outbox.to_sessions([sid], PRESENCE, {"changes": changes})
        now = time.monotonic()
        while over := self._departing.take(now, _SLICE):
            for room, user in over:
                self._watchers.depart(room, user)
            await asyncio.sleep(0)
        news, self._news = self._news, {}
        for room, occupancy in out.occupancies.items():
            news.setdefault(room, RoomNews()).occupancy = occupancy
        async for room, each in _in_slices(news.items()):
            self._outbox.to_local_room(room, ROOM, each.event(room))


async def _in_slices(items: Iterable[Item]) -> AsyncIterator[Item]:
    """The items, with the loop's other work after every few."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % _SLICE == 0:
            await asyncio.sleep(0)


def _no_session(sid: str) -> Session | None:
    """Nobody has come in yet."""
