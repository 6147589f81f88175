"""Run presence in one gateway: write this gateway's connections to Redis, and deliver what Redis publishes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from typing import Any, Final, cast

from roomcast.contract.envelope import PresenceChanges, PresenceRow
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import Presence as PresencePayload
from roomcast.contract.events.presence import PresenceLook, PresenceUsers, Status, Typing
from roomcast.contract.events.server_events import PRESENCE, TYPING
from roomcast.contract.limits import ONLINE_SECONDS
from roomcast.contract.presence import Presence
from roomcast.gateway.presence.activity import Activity
from roomcast.gateway.presence.delivery import StatusDelivery
from roomcast.gateway.presence.notes import Note, read_note, require_future
from roomcast.gateway.presence.occupancy import OccupancyService
from roomcast.gateway.presence.ports import NodePort, PresencePort, Sender, Ticks
from roomcast.gateway.presence.unwritten_sessions import UnwrittenSessions
from roomcast.gateway.presence.watchers import Watchers, presence_change
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.wire.envelope import Reader
from roomcast.wire.tasks import StartTask

ANNOUNCE_SECONDS: Final = 5
REFRESH_SECONDS: Final = 20
_EARLY_SECONDS: Final = 0.01
"""Seconds by which a tick may come early and still count, so that due work does not wait for the tick after it."""
_WRITTEN_SECONDS: Final = 2.0
_GATHER_SECONDS: Final = 0.025
"""Least seconds between two writes, to gather many changes in one write. After a longer pause, a change is written at
once."""
_SIGNS: Final = 1_000
"""Signs of life recorded before the event loop may do other work. Recording them takes 0.2 to 1 ms."""

_log = logging.getLogger(__name__)


class PresenceService:
    """Presence and typing of one gateway.

    `hidden` is the set of users connected here who are invisible on any device; this service keeps the set up to date.
    `local_sids` returns the ids of all sessions that are connected here. `on_node_lost` is called when another process
    holds this gateway's number. `now_ms` returns the time by Redis's clock.
    """

    def __init__(
        self,
        store: PresencePort,
        node: NodePort,
        sender: Sender,
        occupancy: OccupancyService,
        activity: Activity,
        watchers: Watchers,
        delivery: StatusDelivery,
        hidden: set[str],
        ticks: Ticks,
        start_task: StartTask,
        local_sids: Callable[[], Iterable[str]],
        on_node_lost: Callable[[], None],
        now_ms: Callable[[], float],
    ) -> None:
        self._store = store
        self._node = node
        self._on_node_lost = on_node_lost
        self._sender = sender
        self._occupancy = occupancy
        self._activity = activity
        self._watchers = watchers
        self._delivery = delivery
        self._hidden = hidden
        self._ticks = ticks
        self._start_task = start_task
        self._local_sids = local_sids
        self._now_ms = now_ms
        self._sessions: dict[str, ChatSession] = {}
        self._unwritten = UnwrittenSessions(_WRITTEN_SECONDS)
        self._wake = asyncio.Event()
        self._written_at = 0.0
        self._changes = Reader(PresenceChanges)
        self.is_draining = False

    # --- sessions ---

    def add_session(self, session: ChatSession) -> None:
        """Add a session that signed in."""
        self._sessions[session.sid] = session
        if not session.is_visible:
            self._charge_visibility(session)
        own = cast("Status", session.status) if session.has_own_status else None
        self._activity.add_connection(session.sid, session.user, own, *session.note, session.kind)
        self._unwritten.add_session(session.sid)
        self._wake.set()

    async def remove_session(self, session: ChatSession) -> None:
        """Remove an ended session, also from its rooms.

        While the gateway drains, the presence stays in Redis: the client is about to connect to another gateway.
        """
        self._sessions.pop(session.sid, None)
        self._watchers.forget_connection(session.sid)
        self._unwritten.mark_written([session.sid])
        if not self.is_draining:
            self._activity.remove_connection(session.sid)
            self._wake.set()
        if not self._activity.connections_of(session.user):
            self._hidden.discard(session.user)
        for room in list(session.rooms):
            try:
                await self._occupancy.leave_room(session, room)
            except RoomcastError as error:
                _log.warning("a room could not be left in Redis; the entry there expires by itself: %s", error)

    def mark_seen(self, sid: str) -> None:
        """Record a sign of life of a connection."""
        self._activity.mark_seen(sid)

    # --- roomcast.gateway.chat.ports.Visibility ---

    async def is_visible(self, session: ChatSession) -> bool:
        """Return whether other users may notice the session; see `roomcast.gateway.chat.ports.Visibility`."""
        await self.wait_written(session)
        return session.is_visible and session.user not in self._hidden

    async def wait_written(self, session: ChatSession) -> None:
        """Wait until Redis has stored the session, and replied whether the user is invisible on another device."""
        if not await self._unwritten.wait_written(session.sid):
            raise RoomcastError(Code.UNAVAILABLE, "Redis has not stored the session in time")

    # --- use cases ---

    async def set_presence(self, session: ChatSession, p: PresencePayload) -> dict[str, Any]:
        """Handle `presence`: a sign of life, perhaps with a new status; answer the session's status and note.

        A session that has set no status has its user's last choice on another device. Only Redis knows that choice.
        """
        status = p.status
        if status is None and not session.has_own_status:
            await self.wait_written(session)
        now_ms = self._now_ms()
        note = read_note(p, now_ms)
        require_future(note, now_ms)
        if status is not None and (status == "invisible") == session.is_visible:
            self._charge_visibility(session)
        if status is None and note is not None:
            status = cast("Status", session.status)
        if self._activity.set_status(session.sid, status, *(note or (None,))):
            session.set_own_status(status or session.status, session.note if note is None else note)
            self._wake.set()
        standing = session.note.at(now_ms)
        answer = {"online_seconds": ONLINE_SECONDS, "status": session.status, "note": standing.text}
        return {**answer, "until": standing.until} if standing.until else answer

    def _charge_visibility(self, session: ChatSession) -> None:
        """Charge a change of visibility as one look-up per room, because it removes or adds the user in every room."""
        devices = [self._sessions[sid] for sid in self._activity.connections_of(session.user) if sid in self._sessions]
        session.limit.charge(rows=sum(len(device.rooms) for device in devices))

    async def query_users(self, session: ChatSession, p: PresenceLook) -> dict[str, Any]:
        """Handle `presence:query`."""
        return {"users": await self._describe(p)}

    async def watch_users(self, session: ChatSession, p: PresenceLook) -> dict[str, Any]:
        """Handle `presence:watch`. Raise CONFLICT for an ended session, whose watches would never be removed."""
        session.require_open()
        self._watchers.watch(session.sid, p.users, devices=p.devices)
        return {"users": await self._describe(p)}

    async def unwatch_users(self, session: ChatSession, p: PresenceUsers) -> dict[str, Any]:
        """Handle `presence:unwatch`."""
        self._watchers.unwatch(session.sid, p.users)
        return {"users": {}}

    def users_in_watches(self) -> set[str]:
        """Return the users whom sessions here watch, and the users of these sessions."""
        watching = {self._sessions[sid].user for sid in self._watchers.watching_connections() if sid in self._sessions}
        return watching.union(self._watchers.users_on_lists())

    def watches_of(self, user: str) -> list[tuple[ChatSession, list[str]]]:
        """Return `(session, users whom it watches)` of each session here that watches the user or is the user's own.

        Of another user's session, only `user` is listed.
        """
        watches = [(sid, [user]) for sid in self._watchers.watching(user)]
        watches += [(sid, self._watchers.watched_by(sid)) for sid in self._activity.connections_of(user)]
        return [(self._sessions[sid], users) for sid, users in watches if users and sid in self._sessions]

    async def end_watches(self, session: ChatSession, users: Collection[str]) -> None:
        """Stop sending changes of these users to the session, and tell the session that they are offline.

        No event is sent about a user who is already shown as offline, because it would reveal an invisible user.
        """
        detailed = {user for user in users if self._watchers.wants_devices(session.sid, user)}
        self._watchers.unwatch(session.sid, users)
        rows = [PresenceRow(user, "offline", 0) for user in await self._shown_online(users)]
        if rows:
            changes = [presence_change(row, devices=row.user in detailed) for row in rows]
            self._sender.to_sessions([session.sid], PRESENCE, {"changes": changes})

    async def _shown_online(self, users: Collection[str]) -> list[str]:
        """Return the users whom watchers may see with a status other than offline; all users if Redis fails."""
        try:
            found = await self._store.query_users(users)
        except RoomcastError:
            return list(users)
        return [user for user in users if found[user].status != "offline" or self._watchers.is_change_pending(user)]

    async def send_typing(self, session: ChatSession, p: Typing) -> dict[str, Any]:
        """Handle `typing`: forward it if the user is in the room and visible. Raises UNAVAILABLE when Redis fails."""
        if p.room in session.rooms and await self.is_visible(session):
            data = {"room": p.room, "user": session.user, "typing": p.typing}
            await self._sender.to_room(p.room, TYPING, data, skip=session.sid)
        return {}

    async def _describe(self, p: PresenceLook) -> dict[str, dict[str, Any]]:
        rows = _rows_of(await self._store.query_users(p.users, devices=p.devices))
        changes = {row.user: presence_change(row, devices=p.devices) for row in rows}
        return {user: {key: value for key, value in row.items() if key != "user"} for user, row in changes.items()}

    # --- messages from Redis ---

    def receive_changes(self, data: bytes) -> None:
        """Apply a message from a presence channel."""
        rows = self._changes.unpack(data).rows
        self._watchers.apply_changes(rows)
        self._delivery.wake()
        status = {row.user: row.status for row in rows}
        for user, is_hidden in self._activity.find_hidden(rows):
            if self._set_hidden(user, is_hidden=is_hidden):
                work = self._occupancy.set_visibility(user, status[user], is_hidden=is_hidden)
                self._start_task(work, "visibility")
            self._follow_all(user, "invisible" if is_hidden else status[user])

    def _follow_all(self, user: str, status: str) -> None:
        """Set the status of the user's sessions that have no status of their own."""
        for sid in self._activity.connections_of(user):
            session = self._sessions.get(sid)
            if session is not None and not session.has_own_status:
                session.status = status

    def _set_hidden(self, user: str, *, is_hidden: bool) -> bool:
        """Record whether a user is invisible; return whether that is a change."""
        is_change = is_hidden != (user in self._hidden)
        (self._hidden.add if is_hidden else self._hidden.discard)(user)
        return is_change

    def on_resubscribed(self) -> None:
        """Query every watched user and read rooms again, because the gateway may have missed changes."""
        self._occupancy.distrust_rooms()
        self._start_task(_log_failure(self._query_again(self._watchers.watched_users())), "presence, again")

    # --- the loop ---

    async def run(self) -> None:
        """Write signs of life, send presence diffs, announce the node and refresh rooms, until cancelled."""
        loop = asyncio.get_running_loop()
        announce_at = refresh_at = second_at = 0.0
        while True:
            now = loop.time()
            if now >= announce_at:
                announce_at = self._ticks.due(ANNOUNCE_SECONDS) - _EARLY_SECONDS
                await _log_failure(self._announce())
            if now >= refresh_at:
                refresh_at = self._ticks.due(REFRESH_SECONDS) - _EARLY_SECONDS
                await _log_failure(self._refresh())
            self._wake.clear()
            await _log_failure(self._write(signs=now >= second_at))
            self._written_at = loop.time()
            if now >= second_at:
                second_at = self._ticks.due() - _EARLY_SECONDS
                self._delivery.wake()  # deliver the "offline" changes that were delayed
                await self._occupancy.send_diffs(self._watchers.take_counts())
            await self._rest()

    async def _rest(self) -> None:
        """Wait for a change that other users can see, or for the next tick. An idle gateway only renews its lease."""
        is_idle = not (self._activity or self._occupancy)
        try:
            async with asyncio.timeout_at(self._ticks.due(ANNOUNCE_SECONDS if is_idle else 1)):
                await self._wake.wait()
            await asyncio.sleep(max(0.0, self._written_at + _GATHER_SECONDS - asyncio.get_running_loop().time()))
        except TimeoutError:
            pass

    async def retire(self) -> None:
        """Write the remaining changes, and give back the node's lease; call this after a drain."""
        await _log_failure(self._write(signs=True))
        await _log_failure(self._node.retire())

    async def _announce(self) -> None:
        hold = await self._node.announce()
        if hold.holder is not None:
            _log.error("another process holds this gateway's number: %s", hold.holder.process)
            self._on_node_lost()
        elif hold.is_new:
            self._activity.rewrite_all()

    async def _refresh(self) -> None:
        """Record a sign of life of each open connection, and refresh rooms. Dead connections are closed by pings."""
        sids = list(self._local_sids())
        for start in range(0, len(sids), _SIGNS):
            for sid in sids[start : start + _SIGNS]:
                self._activity.mark_seen(sid)
            await asyncio.sleep(0)
        await self._query_again(await self._occupancy.refresh_rooms())

    async def _query_again(self, users: Collection[str]) -> None:
        if users:
            self._watchers.apply_changes(_rows_of(await self._store.query_users(users, devices=True)))
            self._delivery.wake()

    async def _write(self, *, signs: bool) -> None:
        """Write all changes that other users can see, in bounded batches; with `signs`, also the signs of life."""
        while batch := self._activity.take_batch(signs=signs):
            try:
                unknown, hidden, followed = await self._store.write_batch(batch)
            except RoomcastError:
                self._activity.restore_batch(batch)
                raise
            self._activity.rewrite_users(unknown)
            for row in followed:
                session = self._sessions.get(row.connection)
                if session is not None and not session.has_own_status:
                    session.status, session.note = row.status, Note(row.note, row.until)
            for user in hidden:
                if self._activity.connections_of(user) and self._set_hidden(user, is_hidden=True):
                    # In the background: a user may be in thousands of rooms, and the other users' writes would wait.
                    self._start_task(self._occupancy.set_visibility(user, "offline", is_hidden=True), "visibility")
            self._unwritten.mark_written(row.connection for row in batch.full)
            if not self._activity.is_urgent:
                return


def _rows_of(shown: Mapping[str, Presence]) -> list[PresenceRow]:
    """Return the answer of a query as rows, in the form of published changes."""
    return [
        PresenceRow(user, row.status, row.last_seen, row.note, row.until, list(row.devices))
        for user, row in shown.items()
    ]


async def _log_failure(work: Coroutine[Any, Any, None]) -> None:
    """Run a step of the loop; log a Redis failure, after which the next round tries again."""
    try:
        await work
    except RoomcastError as error:
        _log.info("a presence step failed; the next round tries again: %s", error)
