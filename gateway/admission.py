"""How fast new sessions are let in. Pure; the clock is passed in.

After a crash thousands of clients come back within a second. Each costs a token check, presence and a recovery; let in
all at once they would stall those already here. The surplus is told to come back later, before anything was spent on
it, and spread over the time that the queue in front of the door will take.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Final

from gateway.limits import TokenBucket

_MAX_RETRY_SECONDS: Final = 30
_WINDOW_SECONDS: Final = 1.0


class Admission:
    """`per_second` sessions in the long run, `burst` at once."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._clock = clock
        self._bucket = TokenBucket(per_second, burst, clock())
        self._window_from = clock()
        self._refused = 0
        self._refused_before = 0

    def ask(self) -> int:
        """0: come in. Else the seconds to wait, more the longer the queue is."""
        now = self._clock()
        if self._bucket.take(now):
            return 0
        self._turn_window(now)
        self._refused += 1
        queue = max(self._refused, self._refused_before)
        return min(_MAX_RETRY_SECONDS, max(1, ceil(queue / self._per_second)))

    def _turn_window(self, now: float) -> None:
        """Those who were refused in the last second are the queue."""
        passed = now - self._window_from
        if passed >= _WINDOW_SECONDS:
            self._refused_before = self._refused if passed < 2 * _WINDOW_SECONDS else 0
            self._refused = 0
            self._window_from = now
