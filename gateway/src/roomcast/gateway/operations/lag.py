"""Measure how late the event loop wakes. The probe runs more often when the loop has more work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from roomcast.adapter.ticker import Ticker

_CPU_PER_PROBE_SECONDS: Final = 0.01
_SHORTEST_PAUSE_SECONDS: Final = 0.01

RecordLag = Callable[[float, float], None]
"""`(lag, busy)`: how late the loop woke, and the CPU time of the loop's own thread within that lateness, in seconds."""


class LagProbe:
    """Measures until `stop`. It uses a timer, which costs an idle gateway less than a task."""

    def __init__(self, ticks: Ticker, longest_seconds: float, record: RecordLag) -> None:
        self._ticks = ticks
        self._longest = longest_seconds
        self._record = record
        self._pause = longest_seconds
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start the timer. Call this inside the event loop."""
        loop = asyncio.get_running_loop()
        seconds = self._ticks.due() - loop.time() if self._pause >= 1.0 else self._pause
        now = time.perf_counter()
        self._timer = loop.call_later(seconds, self._measure, now, seconds, time.thread_time())

    def stop(self) -> None:
        """Stop the timer. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _measure(self, since: float, seconds: float, spent_before: float) -> None:
        spent = time.thread_time() - spent_before
        lag = max(0.0, time.perf_counter() - since - seconds)
        self._record(lag, min(lag, spent))
        self._pause = next_pause(seconds, spent, self._longest)
        self.start()


def next_pause(seconds: float, cpu_seconds: float, longest_seconds: float) -> float:
    """Return the pause before the next probe, after `seconds` in which the thread used `cpu_seconds`.

    The aim is one probe per 10 ms of CPU time. An idle loop is not late, and waking it for probes costs CPU time.
    """
    wanted = seconds * _CPU_PER_PROBE_SECONDS / max(cpu_seconds, 1e-6)
    return min(longest_seconds, max(_SHORTEST_PAUSE_SECONDS, wanted))
