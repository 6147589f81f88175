"""Let sessions join and leave rooms. A join recovers missed messages, either in pages or as a replay."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

import orjson

from roomcast.adapter.redis.connection import RedisConnectionError
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.rooms import RoomJoin, RoomLeave
from roomcast.contract.events.server_events import RECEIPT, ROOM
from roomcast.contract.ids import DIRECT
from roomcast.contract.limits import MAX_LIST
from roomcast.gateway.chat.ports import AckFields, EventSender, RoomOccupancy, RoomSnapshot, Visibility
from roomcast.gateway.chat.recovery import RecoveryLog, is_more, recover
from roomcast.gateway.chat.replay import Replays, Start
from roomcast.gateway.sign_in.session import ChatSession, JoinTurn
from roomcast.gateway.stores.room_log import History

_SUBSCRIBE_SECONDS: Final = 2.0
_MAX_ADMISSION_TRIES: Final = 20
_MAX_JOIN_ROWS: Final = 30
"""Highest price of a repeated join in the event limit, in rows (see `EventLimit.charge`). A client repeats the joins of
all its rooms after a lost subscription, so for a large room the price is lower than Redis's work."""
_RECHECKED_AT_ONCE: Final = 20
"""Sessions whose kicks are read in one round trip: 2,000 commands if each session is in a hundred rooms."""
_log = logging.getLogger(__name__)


class JoinRoute(Protocol):
    """The local sessions that get a room's messages; see `roomcast.gateway.chat.room_channels.RoomChannels`."""

    def acquire(self, room: str) -> asyncio.Future[None]:
        """Subscribe to a room at least until `release`; the future is done once Redis has confirmed."""
        ...

    def release(self, room: str) -> None:
        """Undo one `acquire`. After the last `release`, the subscription of a room without local members ends later."""
        ...

    def admit(self, sid: str, room: str, epoch: str, seq: int) -> bool:
        """Add the session to the members at `(epoch, seq)`; return False if later messages were already delivered."""
        ...

    async def remove_member(self, sid: str, room: str) -> None:
        """Stop sending the room's packets to the session."""
        ...


class JoinRecords(Protocol):
    """The records of rooms and kicks in Redis; see `roomcast.gateway.stores.rooms.RoomStore`."""

    def note_join(self, user: str, person: str, room: str) -> Awaitable[None]:
        """Put the room on the user's list, and store the user's display name `person`."""
        ...

    async def read_kicks(self, rooms: Mapping[str, Collection[str]]) -> dict[str, dict[str, int]]:
        """Return, by room and user, the times of recent kicks (ms by Redis's clock); the user `*` means all users."""
        ...


class EntryAccess(Protocol):
    """The right to enter a room; see `roomcast.gateway.chat.room_access.RoomAccess`."""

    async def require_entry(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN for a room that the session may not enter, whether the room exists or not."""
        ...

    async def require_entry_now(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN as `require_entry` does, but also check a joined room."""
        ...

    async def may_enter(self, session: ChatSession, room: str) -> bool:
        """Return whether the session may enter the room now. Joined rooms are checked, too."""
        ...


class RoomJoins:
    """Answers `room:join` and `room:leave`, and removes sessions from rooms that they may no longer be in."""

    def __init__(
        self,
        route: JoinRoute,
        log: RecoveryLog,
        store: JoinRecords,
        access: EntryAccess,
        emitter: EventSender,
        occupancy: RoomOccupancy,
        visibility: Visibility,
        replays: Replays,
        *,
        max_rooms: int,
        note_blocks: Callable[[str], Awaitable[None]],
    ) -> None:
        """`note_blocks(room)` hides the people of a direct room from each other if one of them blocks the other."""
        self._route = route
        self._log = log
        self._store = store
        self._access = access
        self._emitter = emitter
        self._occupancy = occupancy
        self._visibility = visibility
        self._replays = replays
        self._max_rooms = max_rooms
        self._note_blocks = note_blocks
        self._joining: dict[str, dict[str, ChatSession]] = {}
        """Room -> the sessions with a join in progress, by session id. `_occupancy` gets a session only later."""

    def sessions_in(self, room: str) -> list[ChatSession]:
        """Return the sessions of this gateway that are in a room or are joining it."""
        entered = {session.sid: session for session in self._occupancy.sessions_in(room)}
        return list((entered | self._joining.get(room, {})).values())

    # --- joining ---

    async def join_room(self, session: ChatSession, p: RoomJoin) -> AckFields:
        """Answer `room:join`. Joins of one room by one session run one after the other."""
        if len({*session.rooms, *session.joining, p.room}) > self._max_rooms:
            raise RoomcastError(Code.TOO_MANY_ROOMS, f"a connection joins at most {self._max_rooms} rooms")
        turn = session.begin_join(p.room)
        self._joining.setdefault(p.room, {})[session.sid] = session
        try:
            await turn.wait()
            self._replays.cancel_replay(session.sid, p.room)
            await self._access.require_entry_now(session, p.room)
            return await (self._join_with_replay(session, p, turn) if p.replay else self._join(session, p, turn))
        finally:
            session.end_join(p.room, turn)
            if p.room not in session.joining:
                self._end_joining(session, p.room)

    def _end_joining(self, session: ChatSession, room: str) -> None:
        joining = self._joining.get(room, {})
        joining.pop(session.sid, None)
        if not joining:
            self._joining.pop(room, None)

    async def _join(self, session: ChatSession, p: RoomJoin, turn: JoinTurn) -> AckFields:
        """Subscribe, read a page, then add the member at the page's `seq`: the client gets each message once."""
        subscribed = self._route.acquire(p.room)
        try:
            page, after, snapshot = await self._enter_and_read(session, p, p.limit, subscribed)
            page, after = await self._admit(session, p, page, after)
        except BaseException:
            await self._abandon(session, p.room)
            raise
        finally:
            self._route.release(p.room)
        await self._record_join(session, p.room, turn, page.time)
        messages = [orjson.Fragment(entry) for entry in page.entries]
        return _answer(p.room, page, snapshot, after, messages, more=is_more(page, after))

    async def _join_with_replay(self, session: ChatSession, p: RoomJoin, turn: JoinTurn) -> AckFields:
        """Return the ack first; missed messages follow as `message` events. The replay releases the room at its end."""
        subscribed = self._route.acquire(p.room)
        try:
            page, after, snapshot = await self._pause_and_enter(session, p, subscribed)
            await self._record_join(session, p.room, turn, page.time)
        except BaseException:
            self._route.release(p.room)
            raise
        start = Start(page, page.seq - len(page.entries) if after is None else after)
        self._replays.begin_replay(session, p.room, start, lambda: self._catch_up(session, p.room, snapshot))
        return _answer(p.room, page, snapshot, after, [], more=False)

    async def _pause_and_enter(
        self, session: ChatSession, p: RoomJoin, subscribed: asyncio.Future[None]
    ) -> tuple[History, int | None, RoomSnapshot]:
        """Stop sending live messages to the session, then enter the room. On failure the session leaves the room."""
        try:
            await self._route.remove_member(session.sid, p.room)
            found = await self._enter_and_read(session, p, MAX_LIST, subscribed)
            session.require_open()
        except BaseException:
            session.rooms.discard(p.room)
            await self._abandon(session, p.room)
            raise
        return found

    async def _abandon(self, session: ChatSession, room: str) -> None:
        """Undo a failed join, unless the session is open and was in the room before."""
        if session.is_closed or room not in session.rooms:
            await self._occupancy.leave_room(session, room)

    async def _enter_and_read(
        self, session: ChatSession, p: RoomJoin, recovery_limit: int, subscribed: asyncio.Future[None]
    ) -> tuple[History, int | None, RoomSnapshot]:
        """Enter the room; return what `recover` returns, and the occupants."""
        await self._visibility.wait_written(session)
        await _confirmed(subscribed)  # if this came after the read, a message between the two would be missed
        if p.room.startswith(DIRECT):
            await self._note_blocks(p.room)
        listing = self._add_to_list(session, p.room)
        try:
            entering = self._occupancy.enter_room(session, p.room)
            try:
                async with session.limit.reading():
                    page, after = await recover(self._log, p.room, p.since, p.limit, recovery_limit)
                    session.limit.charge(size=page.size)
            finally:
                snapshot = await entering
                self._charge_join(session, snapshot.occupancy)
        finally:
            if listing is not None:
                with suppress(RoomcastError):
                    await listing
        if p.room.startswith(DIRECT):
            await self._note_blocks(p.room)  # a block during the join did not find the session in the room
        return page, after, snapshot

    def _charge_join(self, session: ChatSession, occupancy: int) -> None:
        """Count a repeated join as more events, because Redis lists the occupants and their read marks.

        A client that reconnects joins all its rooms at once. So each user has a number of free joins, which count as
        one event each.
        """
        if not session.free_joins.take(time.monotonic()):
            session.limit.charge(rows=min(occupancy, _MAX_JOIN_ROWS))

    def _add_to_list(self, session: ChatSession, room: str) -> Awaitable[None] | None:
        """Put a room that is new to the session on the user's list. An error here does not fail the join."""
        if room not in session.rooms:
            with suppress(RoomcastError):
                return self._store.note_join(session.user, session.identity.name, room)
        return None

    async def _record_join(self, session: ChatSession, room: str, turn: JoinTurn, time_ms: int) -> None:
        """Record the join. Undo the join and raise if the session left the room or was removed during the join."""
        session.rooms.add(room)
        session.joined_at[room] = time_ms
        if not turn.is_wanted:
            await self._remove(session, room)
            await self._access.require_entry(session, room)
            raise RoomcastError(Code.CONFLICT, "the session left the room while it was joining")

    async def _admit(
        self, session: ChatSession, p: RoomJoin, page: History, after: int | None
    ) -> tuple[History, int | None]:
        """Read the log until the page reaches the newest message delivered here; then admit without another `await`."""
        for _ in range(_MAX_ADMISSION_TRIES):
            session.require_open()
            if self._route.admit(session.sid, p.room, page.epoch, page.seq):
                return page, after
            page, after = await recover(self._log, p.room, p.since, p.limit, p.limit)
        raise RoomcastError(Code.UNAVAILABLE, "messages arrive faster than the gateway reads the room's log")

    async def _catch_up(self, session: ChatSession, room: str, before: RoomSnapshot) -> None:
        """Send the session the changes of occupants and read marks since its replay began."""
        if room not in session.rooms or session.is_closed:
            return
        now = await self._occupancy.enter_room(session, room)
        if (now.occupancy, now.members) != (before.occupancy, before.members):
            self._emitter.to_sessions([session.sid], ROOM, _people_change(room, before, now))
        for user, seq in now.marks.items():
            if before.marks.get(user) != seq:
                self._emitter.to_sessions([session.sid], RECEIPT, {"room": room, "user": user, "seq": seq})

    # --- leaving ---

    async def leave_room(self, session: ChatSession, p: RoomLeave) -> AckFields:
        """Answer `room:leave`."""
        await self.remove_session(session, p.room)
        return {}

    async def remove_session(self, session: ChatSession, room: str) -> None:
        """Remove the session from the room. A join of the room that is in progress fails."""
        session.abandon_joins(room)
        if room in session.rooms:
            await self._remove(session, room)

    async def _remove(self, session: ChatSession, room: str) -> None:
        """Remove the session from the room. If Redis does not answer, the entry in Redis expires by itself."""
        session.rooms.discard(room)
        session.joined_at.pop(room, None)
        self._replays.cancel_replay(session.sid, room)
        await self._route.remove_member(session.sid, room)
        try:
            await self._occupancy.leave_room(session, room)
        except RoomcastError as error:
            _log.info("a room could not be left in Redis; the entry there expires by itself: %s", error)

    async def recheck_sessions(self, sessions: Iterable[ChatSession], only: str = "") -> None:
        """Remove sessions from rooms that they may no longer be in: after a new token, a removal, a kick or a closing.

        `only` names the one room to check; empty: all rooms. Each room of each session costs Redis one or two commands.
        Joins in progress are checked again, because the right to enter may have ended after their first check.
        """
        checked = list(sessions)
        for start in range(0, len(checked), _RECHECKED_AT_ONCE):
            part = checked[start : start + _RECHECKED_AT_ONCE]
            kicks = await self._store.read_kicks(_users_by_room(part, only))
            for session in part:
                await self._recheck(session, only, kicks)

    async def _recheck(self, session: ChatSession, only: str, kicks: Mapping[str, dict[str, int]]) -> None:
        for room in [room for room in session.joining if room not in session.rooms and only in ("", room)]:
            if not await self._access.may_enter(session, room):
                await self.remove_session(session, room)
        for room in [room for room in session.rooms if only in ("", room)]:
            change = await self._lost_by(session, room, kicks.get(room, {}))
            if change is not None:
                await self.remove_session(session, room)
                self._emitter.to_sessions([session.sid], ROOM, {"room": room, "change": change})

    async def _lost_by(self, session: ChatSession, room: str, kicks: dict[str, int]) -> str | None:
        """Return the `change` of the `room` event for a session that must leave; None if it may stay."""
        joined_at = session.joined_at.get(room, 0)
        if kicks.get("*", 0) > joined_at:
            return "closed"
        if kicks.get(session.user, 0) > joined_at or not await self._access.may_enter(session, room):
            return "removed"
        return None


def _users_by_room(sessions: Iterable[ChatSession], only: str) -> dict[str, set[str]]:
    """Return the users of the sessions in each room. `only` names the one room to include; empty: all rooms."""
    rooms: dict[str, set[str]] = {}
    for session in sessions:
        for room in session.rooms:
            if only in ("", room):
                rooms.setdefault(room, set()).add(session.user)
    return rooms


async def _confirmed(subscribed: asyncio.Future[None]) -> None:
    """Wait until Redis has confirmed the subscription of a room."""
    if subscribed.done() and subscribed.exception() is None:
        return
    try:
        async with asyncio.timeout(_SUBSCRIBE_SECONDS):
            await asyncio.shield(subscribed)
    except (TimeoutError, RedisConnectionError) as error:
        raise RoomcastError(Code.UNAVAILABLE, "Redis has not confirmed the room's channel in time") from error


def _people_change(room: str, before: RoomSnapshot, now: RoomSnapshot) -> dict[str, Any]:
    """Return the `room` event with the changes from `before` to `now`; above MAX_LIST occupants, only their number."""
    change: dict[str, Any] = {"room": room, "change": "people", "occupancy": now.occupancy}
    if max(now.occupancy, before.occupancy) <= MAX_LIST:
        here = {row["user"] for row in now.members}
        change["entered"] = now.members
        change["left"] = [row["user"] for row in before.members if row["user"] not in here]
    return change


def _answer(
    room: str, page: History, snapshot: RoomSnapshot, after: int | None, messages: list[orjson.Fragment], *, more: bool
) -> AckFields:
    return {
        "room": room,
        "epoch": page.epoch,
        "seq": page.seq,
        "recovered": after is not None,
        "messages": messages,
        "more": more,
        "occupancy": snapshot.occupancy,
        "members": snapshot.members,
        "read": snapshot.marks,
    }
