"""Deliver messages that processes without the cluster key published, by reading them from the rooms' logs.

Such a process can append to a room's log if its Redis account permits it, but gateways do not trust its packets. They
treat such a packet as an announcement: they compare the room with its log, and deliver the messages of the log. A
forged announcement costs one read of the room's position. Announcements within GATHER_SECONDS share that read.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from roomcast.adapter.room_subscription import RoomSubscription
from roomcast.wire.backoff import Backoff
from roomcast.wire.tasks import TaskSet

GATHER_SECONDS: Final = 0.005
"""Announcements within this time, in seconds, share one read."""
_BUSY_SECONDS: Final = (0.02, 2.0)
"""First and longest pause, in seconds, while no announced room can be compared. The reason is that the log of each such
room is being read already: to fill a gap, or for the first member. The announcement may be newer than that read, so the
room is compared after the read."""
_RETRY_SECONDS: Final = (0.2, 2.0)
_AT_ONCE: Final = 500


class RoomComparison(Protocol):
    """Compares rooms with their logs: the gap filler."""

    async def compare_now(self, rooms: list[RoomSubscription], *, is_lost: bool) -> bool:
        """Compare rooms with their logs once. Return False when the logs could not be read."""
        ...


class AnnouncedRooms:
    """The announced rooms that were not compared yet. Several announcements of a room share one comparison."""

    def __init__(self, comparison: RoomComparison) -> None:
        self._comparison = comparison
        self._rooms: set[RoomSubscription] = set()
        self._tasks = TaskSet()
        self._running: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """End all work."""
        await self._tasks.cancel()

    def add(self, room: RoomSubscription) -> None:
        """Compare the room with its log, in the background."""
        self._rooms.add(room)
        if self._running is None or self._running.done():
            self._running = self._tasks.start(self._run(), "announced rooms")

    def discard(self, room: RoomSubscription) -> None:
        """Forget a room that is unsubscribed."""
        self._rooms.discard(room)

    async def _run(self) -> None:
        backoff, busy = Backoff(*_RETRY_SECONDS), Backoff(*_BUSY_SECONDS)
        while self._rooms:
            await asyncio.sleep(GATHER_SECONDS)
            whole = [room for room in self._rooms if room.backlog is None and room.watch.is_set][:_AT_ONCE]
            if not whole:
                await asyncio.sleep(busy.pause())
                continue
            busy.reset()
            self._rooms.difference_update(whole)
            if await self._comparison.compare_now(whole, is_lost=False):
                backoff.reset()
            else:
                self._rooms.update(whole)
                await asyncio.sleep(backoff.pause())
