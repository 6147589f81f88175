"""How late the event loop wakes, looked at the more often the more it has to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from roomcast.adapter.ticker import Ticker

_CPU_PER_LOOK_SECONDS: Final = 0.01
_SHORTEST_PAUSE_SECONDS: Final = 0.01

Note = Callable[[float, float], None]
"""Gets a lateness, and of it the CPU time of the loop's own thread; seconds."""


class LagWatch:
    """Looks until `stop`. No task: only a timer, for it also runs when there is nothing else to do."""

    def __init__(self, beat: Ticker, longest_seconds: float, note: Note) -> None:
        self._beat = beat
        self._longest = longest_seconds
        self._note = note
        self._pause = longest_seconds
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Inside the event loop."""
        loop = asyncio.get_running_loop()
        seconds = self._beat.due() - loop.time() if self._pause >= 1.0 else self._pause
        now = time.perf_counter()
        self._timer = loop.call_later(seconds, self._look, now, seconds, time.thread_time())

    def stop(self) -> None:
        """Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, since: float, seconds: float, spent_before: float) -> None:
        spent = time.thread_time() - spent_before
        lag = max(0.0, time.perf_counter() - since - seconds)
        self._note(lag, min(lag, spent))
        self._pause = pause(seconds, spent, self._longest)
        self.start()


def pause(seconds: float, cpu_seconds: float, longest_seconds: float) -> float:
    """How long to wait for the next look, after `seconds` in which the thread used the CPU this long.

    One look for every 10 ms of work: a loop that has nothing to do is not late, and every waking costs.
    """
    wanted = seconds * _CPU_PER_LOOK_SECONDS / max(cpu_seconds, 1e-6)
    return min(longest_seconds, max(_SHORTEST_PAUSE_SECONDS, wanted))
