"""Replay: deliver what a client missed as ordinary `message` events, before any live message of the room.

    ack of room:join --> page --> page --> ... --> the session becomes a member --> live messages

The session is not a member of the room while its replay runs, so the fan-out sends it no messages of the room. The
room's channel stays subscribed. The session becomes a member in the same step in which the replay reaches the position
of the live messages, so the client misses no message and gets none twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

from roomcast.contract.errors import RoomcastError
from roomcast.contract.limits import MAX_LIST
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.room_log import History
from roomcast.wire.tasks import TaskSet

STALL_SECONDS: Final = 15.0
"""Seconds after which a client that reads nothing gets `resync` instead of the rest of the replay."""

_LOOK_SECONDS: Final = 0.01
"""Seconds between two looks at a full write buffer."""
_IDLE_PAGES: Final = 20
"""Number of empty pages in a row after which a replay fails."""
_IDLE_SECONDS: Final = 0.05
"""Seconds to wait after an empty page."""
_PACE_SECONDS: Final = 1.0
"""Longest wait for the event limit before the replay checks again whether the session is closed, in seconds."""


class ReplayLog(Protocol):
    """The source of the missed messages; see `roomcast.gateway.stores.room_log.LogStore`."""

    async def read_after(self, room: str, seq: int, limit: int) -> History:
        """Return the first entries above `seq`."""
        ...

    def message_packet(self, entry: bytes) -> bytes:
        """Return the Socket.IO packet of a log entry."""
        ...

    def resync_packet(self, room: str) -> bytes:
        """Return the packet that tells a client to join the room again."""
        ...


class ReplayRoute(Protocol):
    """Sends packets to one session, and makes it a member; see `roomcast.gateway.chat.room_channels.RoomChannels`."""

    def release(self, room: str) -> None:
        """Undo one `acquire`. After the last `release`, the subscription of a room without local members ends later."""
        ...

    def admit(self, sid: str, room: str, epoch: str, seq: int) -> bool:
        """Add the session to the members at `(epoch, seq)`; return False if later messages were already delivered."""
        ...

    def send_packet(self, sid: str, packet: bytes) -> None:
        """Send a finished packet to the session."""
        ...

    def waiting_bytes(self, sid: str) -> int | None:
        """Return the bytes in the write buffer of the session's client; None if the session has ended."""
        ...


class Start(NamedTuple):
    """The start of a replay: the first page, and the `seq` before its first entry."""

    page: History
    after: int


class ReplayFailed(Exception):
    """The replay cannot continue: the client must join the room again."""


OnAdmitted = Callable[[], Awaitable[None]]


class Replays:
    """The replays of one gateway, one per session and room. They keep a client's write buffer below `buffer_bytes`."""

    def __init__(
        self,
        log: ReplayLog,
        route: ReplayRoute,
        *,
        buffer_bytes: int,
        stall_seconds: float = STALL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._route = route
        self._buffer_bytes = buffer_bytes
        self._stall_seconds = stall_seconds
        self._clock = clock
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._tasks = TaskSet()

    def __len__(self) -> int:
        return len(self._running)

    def begin_replay(self, session: ChatSession, room: str, start: Start, on_late: OnAdmitted) -> None:
        """Start the replay in the background, in the next iteration of the event loop, so that the ack is sent first.

        The caller has acquired the room; the replay releases the room at its end. `on_late` is called after a replay
        that had to wait for a page or for buffer space: meanwhile the session missed the room's other events, such as
        typing.
        """
        key = session.sid, room
        task = self._running[key] = self._tasks.start(self._run(session, room, start, on_late), f"replay {room}")
        task.add_done_callback(lambda done: self._ended(key, done))

    def cancel_replay(self, sid: str, room: str) -> None:
        """Stop the replay at once, because the session has left the room or joins it again."""
        if (task := self._running.pop((sid, room), None)) is not None:
            task.cancel()

    def end_all(self) -> None:
        """Stop all replays, and tell the clients to join the rooms again."""
        for sid, room in list(self._running):
            self.cancel_replay(sid, room)
            self._route.send_packet(sid, self._log.resync_packet(room))

    async def close(self) -> None:
        """Stop all replays."""
        await self._tasks.cancel()

    def _ended(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._route.release(key[1])
        if self._running.get(key) is task:
            del self._running[key]

    async def _run(self, session: ChatSession, room: str, start: Start, on_late: OnAdmitted) -> None:
        try:
            is_late = await self._deliver(session, room, start)
        except (ReplayFailed, RoomcastError):
            self._route.send_packet(session.sid, self._log.resync_packet(room))
            return
        if is_late:
            await on_late()

    async def _deliver(self, session: ChatSession, room: str, start: Start) -> bool:
        """Deliver pages until the session is a member; return whether the replay had to wait meanwhile."""
        page, seq = start
        epoch, is_late, idle_pages = page.epoch, False, 0
        while not session.is_closed:
            for entry in page.entries:
                seq += 1
                if entry:  # empty: the log no longer has the entry
                    is_late |= await self._send(session.sid, self._log.message_packet(entry))
            if seq >= page.seq and self._route.admit(session.sid, room, epoch, seq):
                return is_late
            is_late = True
            idle_pages = 0 if page.entries else idle_pages + 1
            if idle_pages:
                await asyncio.sleep(_IDLE_SECONDS)
            await self._pace(session, page.size)
            page = await self._log.read_after(room, seq, MAX_LIST)
            if page.epoch != epoch or not page.first - 1 <= seq <= page.seq or idle_pages > _IDLE_PAGES:
                raise ReplayFailed
        return False

    async def _pace(self, session: ChatSession, size: int) -> None:
        """Wait until the user's event limit has no debt, so that all replays of a user together keep to that limit.

        Then charge for the next page before it is read, by the size of the last page. So the user's other replays see
        the new debt at once.
        """
        while (debt := session.limit.debt_seconds(self._clock())) and not session.is_closed:  # noqa: ASYNC110 (time reduces the debt)
            await asyncio.sleep(min(debt, _PACE_SECONDS))
        session.limit.charge(size=size)

    async def _send(self, sid: str, packet: bytes) -> bool:
        """Send one packet as soon as the client's write buffer has space; return whether the packet had to wait."""
        least, due, has_waited = float("inf"), 0.0, False
        while (waiting := self._route.waiting_bytes(sid)) and waiting + len(packet) > self._buffer_bytes:
            now = self._clock()
            if waiting < least:
                least, due = waiting, now + self._stall_seconds
            elif now > due:
                raise ReplayFailed
            has_waited = True
            await asyncio.sleep(_LOOK_SECONDS)
        self._route.send_packet(sid, packet)
        return has_waited
