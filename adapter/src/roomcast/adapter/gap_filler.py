"""Fill the gaps of rooms from their logs before any later packet is delivered.

Pub/sub may also lose the latest messages of a room, which leaves no gap. A comparison of rooms with their logs finds
such losses.

Every loop here ends or pauses:

* One gap costs one read of the log per page of missing messages. If a packet waits while the log is read, and the log
  does not contain it, the packet is dropped: it was forged, or the log lost it. A packet of an epoch that the log does
  not have is dropped, too.
* While Redis does not answer, and after a read that filled nothing, the filler pauses before the next read: 0.2 s, then
  longer, at most 2 s.
* The filling of a gap ends when the room is unsubscribed, after its last local member has left.
* The number and size of the packets that wait for a gap to be filled are limited. Packets above the limits are dropped,
  and read from the log later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Final, Protocol

from roomcast.adapter.observer import AdapterObserver
from roomcast.adapter.order import Verdict
from roomcast.adapter.redis.connection import RedisConnectionError
from roomcast.adapter.room_log import Page, RoomLog
from roomcast.adapter.room_subscription import RoomSubscription
from roomcast.wire.backoff import Backoff
from roomcast.wire.envelope import KIND_MESSAGE, RoomPacket
from roomcast.wire.limited_log import LimitedLog
from roomcast.wire.tasks import TaskSet

MAX_BACKLOG: Final = 5_000
"""The most packets of one room that wait for its gap to be filled."""
MAX_BACKLOG_BYTES: Final = 16_000_000
"""The most bytes of waiting packets, over all rooms."""
FIRST_RETRY_SECONDS: Final = 0.2
LAST_RETRY_SECONDS: Final = 2.0
_POSITIONS_AT_ONCE: Final = 500
_log = logging.getLogger(__name__)


class RoomOutput(Protocol):
    """The receiver of packets from filled gaps: the fan-out."""

    def deliver(self, room: RoomSubscription, packet: RoomPacket) -> None:
        """Send the next packet, in order, to the room's local members."""
        ...

    def declare_loss(self, room: RoomSubscription, epoch: bytes, seq: int) -> None:
        """Tell the members that messages may be missing, and continue from this position."""
        ...

    def is_subscribed(self, room: RoomSubscription) -> bool:
        """Return whether this is still the current subscription of its room."""
        ...


class GapFiller:
    """Fills the gaps of all rooms of one gateway. `retry_seconds`: the shortest and longest pause between two reads."""

    def __init__(
        self,
        log: RoomLog,
        output: RoomOutput,
        observer: AdapterObserver,
        retry_seconds: tuple[float, float] = (FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS),
    ) -> None:
        self._source = log
        self._output = output
        self._observer = observer
        self._retry_seconds = retry_seconds
        self._backlog_bytes = 0
        self._suspects: set[RoomSubscription] = set()
        self._backoffs: dict[RoomSubscription, Backoff] = {}
        self._fillings: dict[RoomSubscription, asyncio.Task[None]] = {}
        self._tasks = TaskSet()
        self._comparing: asyncio.Task[None] | None = None
        self._is_paused = False
        self._limited = LimitedLog(_log)

    async def close(self) -> None:
        """End all work."""
        await self._tasks.cancel()

    def pause(self) -> None:
        """Stop filling and comparing until `go_on`. Drop the waiting packets: the log contains them."""
        self._is_paused = True
        for room in list(self._fillings):
            self.stop(room)

    def go_on(self) -> None:
        """Resume after `pause`. The caller must then compare every room with its log."""
        self._is_paused = False

    # --- one room's gap ---

    def start(self, room: RoomSubscription, waiting: Iterable[RoomPacket], missing: int) -> None:
        """Fill a gap from the log, in the background. Until it is filled, the caller must pass new packets to `hold`.

        `missing`: the number of missing packets; 0 if unknown.
        """
        if missing:
            self._observer.gap(room.room, missing)
        room.backlog = []
        for packet in waiting:
            self.hold(room, packet)
        self._fillings[room] = self._tasks.start(self._fill(room), f"fill {room.room}")

    def hold(self, room: RoomSubscription, packet: RoomPacket) -> None:
        """Keep a packet until the gap before it is filled. Above the limits, drop it, and read the log again later."""
        backlog = room.backlog
        if backlog is None:
            return
        if len(backlog) >= MAX_BACKLOG or self._backlog_bytes + len(packet.body) > MAX_BACKLOG_BYTES:
            room.must_reread = True
            return
        self._backlog_bytes += len(packet.body)
        backlog.append(packet)

    def stop(self, room: RoomSubscription) -> None:
        """End the filling of the room's gap, and drop the waiting packets."""
        self._suspects.discard(room)
        self._backoffs.pop(room, None)
        filling = self._fillings.pop(room, None)
        if filling is not None:
            filling.cancel()
        self._release(room)

    async def _fill(self, room: RoomSubscription) -> None:
        try:
            pause = self._backoffs.get(room)
            if pause is not None:  # the last read for this room filled nothing
                await asyncio.sleep(pause.pause())
            while not await self._fill_once(room):
                pass  # each call reads a page or sleeps
        finally:
            if self._fillings.get(room) is asyncio.current_task():
                del self._fillings[room]

    async def _fill_once(self, room: RoomSubscription) -> bool:
        """Read one page, and deliver it and the packets that follow it. Return True when no packet waits any more."""
        room.must_reread = False
        asked = len(room.backlog or ())
        page = await self._read_page(room)
        if page is None:
            await asyncio.sleep(self._backoff(room).pause())
            return False
        count = self._take_page(room, page)
        if room.watch.epoch == page.epoch and room.watch.seq < page.seq:
            return False
        if not self._take_backlog(room, asked):
            self._backoffs.pop(room, None)
        if room.backlog is not None:
            if not count:
                await asyncio.sleep(self._backoff(room).pause())
            return False
        return True

    async def _read_page(self, room: RoomSubscription) -> Page | None:
        """Return the page of the log after the room's position, or None if the log could not be read."""
        try:
            return await self._source.page(room.room, room.watch.seq)
        except (RedisConnectionError, TimeoutError) as error:
            self._limited.warning(
                "log", "no gap is filled while a log cannot be read: %s", str(error) or type(error).__name__
            )
        except Exception as error:
            self._limited.error("log bug", "a log could not be read", error=error)
        return None

    def _take_page(self, room: RoomSubscription, page: Page) -> int:
        """Deliver the page if it continues from the room's position, else declare a loss.

        Return the number of delivered packets.
        """
        position = room.watch
        if page.epoch != position.epoch:
            self._output.declare_loss(room, page.epoch, _before_held(room, page))
            return 0
        is_lost = page.seq < position.seq or page.first > position.seq + 1
        if is_lost or (not page.packets and page.seq > position.seq):
            self._output.declare_loss(room, page.epoch, page.seq)
            return 0
        for packet in page.packets:
            position.seq += 1
            self._output.deliver(
                room, RoomPacket(KIND_MESSAGE, page.epoch, position.seq, self._source.namespace, (), packet)
            )
        self._observer.filled(room.room, len(page.packets))
        return len(page.packets)

    def _take_backlog(self, room: RoomSubscription, asked: int) -> int:
        """Deliver waiting packets, up to the next gap. Return how many were dropped because the log lacks them.

        The first `asked` packets came before the log was read. If such a packet is beyond the end of the log, or of
        another epoch, the log will never contain it.
        """
        backlog = room.backlog or []
        self._release(room)
        dropped = 0
        for number, packet in enumerate(backlog):
            verdict = room.watch.offer(packet.epoch, packet.seq)
            if verdict is Verdict.DELIVER:
                self._output.deliver(room, packet)
            elif verdict is not Verdict.DUPLICATE:
                if number >= asked:
                    self._keep_waiting(room, backlog[number:])
                    break
                dropped += 1
        if room.must_reread and room.backlog is None:
            room.backlog = []
        if dropped:
            self._backoff(room)
            self._limited.warning("beyond", "%d packets were dropped: their room's log does not contain them", dropped)
        return dropped

    def _keep_waiting(self, room: RoomSubscription, packets: list[RoomPacket]) -> None:
        room.backlog = []
        for packet in packets:
            self.hold(room, packet)

    def _release(self, room: RoomSubscription) -> None:
        """Drop the waiting packets of the room."""
        self._backlog_bytes -= sum(len(packet.body) for packet in room.backlog or ())
        room.backlog = None

    def _backoff(self, room: RoomSubscription) -> Backoff:
        found = self._backoffs.get(room)
        if found is None:
            found = self._backoffs[room] = Backoff(*self._retry_seconds)
        return found

    # --- comparing with the logs, to find a loss of the latest messages ---

    def compare(self, rooms: Iterable[RoomSubscription]) -> None:
        """Compare rooms with their logs, in the background, because their channels may have missed messages."""
        self._suspects.update(rooms)
        if self._comparing is None or self._comparing.done():
            self._comparing = self._tasks.start(self._compare_all(), "compare rooms with their logs")

    async def _compare_all(self) -> None:
        """Compare the rooms that may have missed messages. Retry until the logs can be read."""
        backoff = Backoff(*self._retry_seconds)
        while self._suspects and not self._is_paused:
            batch = [room for room, _ in zip(self._suspects, range(_POSITIONS_AT_ONCE), strict=False)]
            self._suspects.difference_update(batch)
            if await self.compare_now(batch, is_lost=True):
                backoff.reset()
                continue
            self._suspects.update(room for room in batch if self._output.is_subscribed(room))
            await asyncio.sleep(backoff.pause())

    async def compare_now(self, rooms: list[RoomSubscription], *, is_lost: bool) -> bool:
        """Compare rooms with their logs once. Return False when the logs could not be read.

        `is_lost`: if a log has messages that this node has not received, count these as lost by pub/sub.
        """
        asked_at: dict[str, int] = {}
        for room in rooms:
            if room.backlog is not None:
                room.must_reread = True
            elif room.watch.is_set and self._output.is_subscribed(room):
                asked_at[room.room] = room.watch.seq
        if not asked_at:
            return True
        try:
            positions = await self._source.positions(list(asked_at))
        except (RedisConnectionError, TimeoutError) as error:
            self._limited.warning("log", "rooms are not compared with their logs yet: %s", error)
            return False
        except Exception as error:
            self._limited.error("log bug", "logs could not be compared", error=error)
            return False
        for room in rooms:
            if room.room in asked_at and room.backlog is None and self._output.is_subscribed(room):
                self._judge(room, *positions.get(room.room, (b"", 0)), asked_at[room.room], is_lost)
        return True

    def _judge(self, room: RoomSubscription, epoch: bytes, seq: int, asked_at: int, is_lost: bool) -> None:
        verdict = Verdict.DUPLICATE if self._is_paused else room.watch.compare(epoch, seq, asked_at)
        if verdict is Verdict.GAP:
            self.start(room, (), seq - room.watch.seq if is_lost else 0)
        elif verdict is Verdict.OTHER_EPOCH:
            self._output.declare_loss(room, epoch, seq)


def _before_held(room: RoomSubscription, page: Page) -> int:
    """Return the `seq` before the first waiting packet of the page's epoch, or the page's `seq` if no packet waits."""
    held = [packet.seq for packet in room.backlog or () if packet.epoch == page.epoch and packet.seq <= page.seq]
    return min(held, default=page.seq + 1) - 1
