"""Share the turns of the event loop among clients, so that clients that send many packets do not delay other clients.

A packet costs little to read and much to handle. If a turn handled all received packets, a turn with a few hundred
flooding clients would take a tenth of a second, and an answer to any other client would take several turns. So a turn
handles at most `Turns.share` packets. A client that sends one packet at a time is served at once. Packets that a client
sends in bulk wait in a queue, which serves `QUANTUM` packets of each client in rotation. Until they are handled, the
server does not read from that client. The share is adapted to the CPU time that turns take.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

QUANTUM: Final = 4
"""Packets of one client that are handled before the next client is served."""
AT_ONCE: Final = 1
"""Packets that are always handled at once, for a client without queued packets."""
FIRST_SHARE: Final = 64
LEAST_SHARE: Final = 16
MOST_SHARE: Final = 512
LONG_SECONDS: Final = 0.006
SHORT_SECONDS: Final = 0.003
"""CPU seconds of a turn: above LONG_SECONDS the share falls, below SHORT_SECONDS it grows."""
_GROWTH: Final = 8
_FALL: Final = 0.75

Work = Callable[[int], int]
"""Handles at most the given number of packets, and returns how many it handled. To continue, it queues itself again."""


class Turns:
    """The queue of work for later turns of the event loop. `clock` returns the thread's CPU time, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self._clock = clock
        self._waiting: deque[Work] = deque()
        self._is_armed = False
        self._left = 0
        self._served_at: float | None = None
        self.share = FIRST_SHARE
        """The most packets of all clients that one turn handles."""

    def grant(self, wanted: int) -> int:
        """Return how many of the `wanted` packets, which were just read, may be handled immediately."""
        if not self._is_armed:
            self._left = self.share
            self._arm()
        granted = min(wanted, max(AT_ONCE, self._left))
        self._left -= granted
        return granted

    def add(self, work: Work) -> None:
        """Queue this work for one of the next turns."""
        self._waiting.append(work)
        if not self._is_armed:
            self._arm()

    async def wait(self) -> None:
        """Wait for a turn that can handle QUANTUM more packets."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def go_on(packets: int) -> int:
            if not turn.done():
                turn.set_result(None)
            return packets

        self.add(go_on)
        await turn

    def _arm(self) -> None:
        self._is_armed = True
        asyncio.get_running_loop().call_soon(self._serve)

    def _serve(self) -> None:
        """Do queued work, up to the share of one turn."""
        now = self._clock()
        if self._served_at is not None:
            self._adapt(now - self._served_at)
        left, waiting = self.share, self._waiting
        for _ in range(len(waiting)):
            left -= self._do(waiting.popleft())
            if left <= 0:
                break
        self._left = left
        self._is_armed = bool(waiting)
        self._served_at = now if waiting else None
        if waiting:
            asyncio.get_running_loop().call_soon(self._serve)

    @staticmethod
    def _do(work: Work) -> int:
        """Handle QUANTUM packets of one client. An error ends only the work of this client."""
        try:
            return work(QUANTUM)
        except Exception as error:
            message = "the handling of a packet failed"
            asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})
            return QUANTUM

    def _adapt(self, seconds: float) -> None:
        """Adapt the share to the CPU time that the last turn took."""
        if seconds > LONG_SECONDS:
            self.share = max(LEAST_SHARE, int(self.share * _FALL))
        elif seconds < SHORT_SECONDS:
            self.share = min(MOST_SHARE, self.share + _GROWTH)
