"""Compute the pauses between tries: longer after each failure, with jitter. Pure; the caller sleeps."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Pauses that start at `first` seconds and double up to `last`; `chance` is uniform in [0, 1)."""

    __slots__ = ("_chance", "_first", "_last", "_next")

    def __init__(self, first: float, last: float, chance: Callable[[], float] = random.random) -> None:
        self._first = first
        self._last = last
        self._next = first
        self._chance = chance

    def pause(self) -> float:
        """Return how many seconds to wait now, between half and all of the current step, and move to the next step."""
        step = self._next
        self._next = min(step * 2, self._last)
        return step * (0.5 + 0.5 * self._chance())

    def reset(self) -> None:
        """Start at the first pause again."""
        self._next = self._first
