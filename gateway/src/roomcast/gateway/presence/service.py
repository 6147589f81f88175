"""Who is there, told to those who look: wires presence (pure), its stores, and the outbox; runs once a second."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Collection
from typing import Any, Final

from roomcast.adapter.manager import RedisAdapter
from roomcast.contract import keys
from roomcast.contract.envelope import PresenceChanges
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import ONLINE_SECONDS, PRESENCE, TYPING, PresenceUsers, Typing
from roomcast.contract.events import Presence as PresencePayload
from roomcast.gateway.chat.emitter import NAMESPACE, Emitter
from roomcast.gateway.chat.rooms import RoomSnapshot
from roomcast.gateway.presence.activity import Activity, Watchers, change
from roomcast.gateway.presence.member_cache import Row
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.pending import PendingSessions
from roomcast.gateway.presence.slices import in_slices
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.gateway.stores.rooms import RoomStore
from roomcast.gateway.stores.roster import RosterStore
from roomcast.wire.envelope import EnvelopeError, Reader

ANNOUNCE_SECONDS: Final = 5
REFRESH_SECONDS: Final = 20
_EARLY_SECONDS: Final = 0.01
"""A beat may come a little early, and nothing should wait one more for that."""
_KNOWN_SECONDS: Final = 2.0
_GATHER_SECONDS: Final = 0.025
"""Between two flushes. What changes while nothing was flushed for so long is written at once: a storm is gathered, a
single person does not wait."""
_SIGNS: Final = 1_000
"""Signs of life noted between two turns of the loop: 0.2 to 1 ms."""

_log = logging.getLogger(__name__)


class PresenceService:
    """Presence, typing and room occupancy of one gateway."""

    def __init__(
        self,
        adapter: RedisAdapter,
        outbox: Emitter,
        presence: PresenceStore,
        rosters: RosterStore,
        store: RoomStore,
    ) -> None:
        self._adapter = adapter
        self._outbox = outbox
        self._presence = presence
        self._attendance = Activity(time.monotonic)
        self._watchers = Watchers(time.monotonic)
        self._hidden: set[str] = set()
        """people connected here who chose to be invisible, on any device"""
        self._occupants = OccupancyService(adapter, outbox, presence, rosters, store, self._watchers, self._hidden)
        self._unwritten = PendingSessions(_KNOWN_SECONDS)
        """sessions that presence has not heard of yet"""
        self._wake = asyncio.Event()
        self._flushed_at = 0.0
        self._changes = Reader(PresenceChanges)
        self.is_draining = False

    def start(self) -> None:
        """Hear presence changes and room notes."""
        for shard in range(keys.PRESENCE_SHARDS):
            self._adapter.listen(keys.presence_channel(shard), self._hear_changes)
        self._adapter.fanout.on_note = self._occupants.hear

    # --- connections ---

    def opened(self, session: ChatSession) -> None:
        self._attendance.enter(session.sid, session.user)
        self._unwritten.add(session.sid)
        self._wake.set()

    async def closed(self, session: ChatSession) -> None:
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

    # --- roomcast.gateway.chat.rooms.People ---

    def enter(self, session: ChatSession, room: str) -> Awaitable[RoomSnapshot]:
        return self._occupants.enter(session, room)

    async def left(self, session: ChatSession, room: str) -> None:
        if not self._attendance.connections(session.user):
            self._hidden.discard(session.user)
        await self._occupants.leave(session, room)

    async def present(self, room: str, after: str | None, limit: int) -> tuple[list[Row], str | None]:
        return await self._occupants.present(room, after, limit)

    async def shows(self, session: ChatSession) -> bool:
        await self.known(session)
        return session.is_visible and session.user not in self._hidden

    async def known(self, session: ChatSession) -> None:
        """Until presence has heard of the session: only then is it known whether another device hides the user."""
        if not await self._unwritten.known(session.sid):
            raise RoomcastError(Code.UNAVAILABLE, "presence does not answer")

    # --- use cases ---

    async def beat(self, session: ChatSession, p: PresencePayload) -> dict[str, Any]:
        """The `presence` event: a sign of life, and perhaps a new status."""
        if self._attendance.update(session.sid, p.status, p.note):
            session.status = p.status or session.status
            session.note = session.note if p.note is None else p.note
            self._wake.set()
        return {"online_seconds": ONLINE_SECONDS}

    async def query(self, session: ChatSession, p: PresenceUsers) -> dict[str, Any]:
        return {"users": await self._snapshot(p.users)}

    async def watch(self, session: ChatSession, p: PresenceUsers) -> dict[str, Any]:
        self._watchers.watch(session.sid, p.users)
        return {"users": await self._snapshot(p.users)}

    async def unwatch(self, session: ChatSession, p: PresenceUsers) -> dict[str, Any]:
        self._watchers.unwatch(session.sid, p.users)
        return {"users": {}}

    async def typing(self, session: ChatSession, p: Typing) -> dict[str, Any]:
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
                self._adapter.background(self._occupants.show(user, status[user], is_hidden=is_hidden), "visibility")

    def _turn(self, user: str, *, is_hidden: bool) -> bool:
        """Note whether a person is invisible; False when that is no news."""
        is_news = is_hidden != (user in self._hidden)
        (self._hidden.add if is_hidden else self._hidden.discard)(user)
        return is_news

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
        is_empty = not (self._attendance or self._occupants)
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
        await self._look_again(await self._occupants.refresh())

    def resubscribed(self) -> None:
        """Changes may have been missed: ask how everybody is, and who is in a room that somebody joins."""
        self._occupants.doubt()
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
                    await self._occupants.show(user, "offline", is_hidden=True)
            self._unwritten.settle(row.connection for row in batch.full)
            if not self._attendance.is_urgent:
                return

    async def _deliver(self) -> None:
        """What changed, to whoever looks: in slices, for a neighbour's ten thousand clients may have gone at once."""
        out = self._watchers.flush()
        await self._occupants.tell_changes(out.rooms)
        async for sid, changes in in_slices(out.connections.items()):
            self._outbox.to_sessions([sid], PRESENCE, {"changes": changes})
        await self._occupants.tell_news(out.occupancies)
