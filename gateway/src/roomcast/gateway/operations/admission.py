"""How fast new sessions are let in. Pure; the clock is passed in.

After a crash thousands of clients come back within a second. Each costs a token check, presence and a recovery; let in
all at once they would stall those already here. So they come in one by one: a short queue waits for its turn, which
costs nothing, and the surplus is told to come back later, spread over the time that the queue behind the door takes.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Final, NamedTuple

_MAX_RETRY_SECONDS: Final = 30
_WINDOW_SECONDS: Final = 1.0


class Turn(NamedTuple):
    """Come in after `wait` seconds; or, when `retry_after` is not 0, come back after that many."""

    wait: float
    retry_after: int = 0


class Admission:
    """`per_second` sessions in the long run, `burst` at once; a turn more than `patience` seconds away is refused."""

    def __init__(self, per_second: float, burst: float, patience: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._slack = (burst - 1) / per_second
        self._patience = patience
        self._clock = clock
        self._next_turn = clock() - self._slack
        self._window_from = clock()
        self._refused = 0
        self._refused_before = 0

    def ask(self) -> Turn:
        """The turn of a new session. Whoever was given a turn has it, even if it does not come."""
        now = self._clock()
        turn = max(self._next_turn, now - self._slack)
        if turn - now <= self._patience:
            self._next_turn = turn + 1 / self._per_second
            return Turn(max(0.0, turn - now))
        self._turn_window(now)
        self._refused += 1
        queue = max(self._refused, self._refused_before)
        return Turn(0.0, min(_MAX_RETRY_SECONDS, max(1, ceil(queue / self._per_second))))

    def _turn_window(self, now: float) -> None:
        """Those who were refused in the last second are the queue behind the door."""
        passed = now - self._window_from
        if passed >= _WINDOW_SECONDS:
            self._refused_before = self._refused if passed < 2 * _WINDOW_SECONDS else 0
            self._refused = 0
            self._window_from = now
