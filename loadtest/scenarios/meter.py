"""Measure whether this load generator is saturated: a late event loop adds its own delay to the cluster's latencies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

import gevent

PROBE_SECONDS: Final = 0.05
WINDOW_SECONDS: Final = 1.0
BUSY_SHARE: Final = 0.9
LATE_MS: Final = 50.0
TOLERATED_SHARE: Final = 0.05
MIN_SECONDS: Final = 3
"""Least number of bad seconds of a saturated process. They must also exceed TOLERATED_SHARE of all seconds."""


class Second(NamedTuple):
    """One second of a process: CPU seconds per second, and the second-largest delay of its event loop in ms."""

    cpu: float
    late_ms: float

    @property
    def is_bad(self) -> bool:
        """Return whether this process was too busy in this second to measure the cluster."""
        return self.cpu >= BUSY_SHARE or self.late_ms >= LATE_MS


def is_saturated(seconds: Iterable[Second]) -> bool:
    """Return whether too many seconds were bad for the figures to count. Pure."""
    found = list(seconds)
    bad = sum(second.is_bad for second in found)
    return bad >= MIN_SECONDS and bad > TOLERATED_SHARE * len(found)


class Meter:
    """A meter that measures from `start` on; it calls `announce` once, when the process is saturated."""

    def __init__(self, announce: Callable[[Second], None]) -> None:
        self.seconds: list[Second] = []
        self._announce = announce
        self._is_announced = False

    def start(self) -> None:
        """Measure in the background, for as long as the process lives."""
        gevent.spawn(self._run)

    def reset(self) -> None:
        """Discard the measurements of the ramp-up."""
        self.seconds, self._is_announced = [], False

    def data(self) -> dict[str, Any]:
        """Return the summary that goes to the master."""
        last = self.seconds[-1] if self.seconds else Second(0.0, 0.0)
        return {
            "cpu": last.cpu,
            "late_ms": last.late_ms,
            "seconds": len(self.seconds),
            "bad": sum(second.is_bad for second in self.seconds),
            "is_saturated": is_saturated(self.seconds),
        }

    def _run(self) -> None:
        while True:
            self.take(_measure())

    def take(self, second: Second) -> None:
        """Add the measurement of one second."""
        self.seconds.append(second)
        if not self._is_announced and is_saturated(self.seconds):
            self._is_announced = True
            self._announce(second)


def _measure() -> Second:
    """Measure one second of this process."""
    begun, cpu = time.perf_counter(), time.process_time()
    late = [0.0, 0.0]
    while (now := time.perf_counter()) - begun < WINDOW_SECONDS:
        gevent.sleep(PROBE_SECONDS)
        late.append(max(0.0, time.perf_counter() - now - PROBE_SECONDS) * 1000)
    span = time.perf_counter() - begun
    return Second((time.process_time() - cpu) / span, sorted(late)[-2])
