"""Measure how far a worker's clock is from the master's, so that send times of different workers can be compared.

A worker asks the master for its time and assumes that the answer took half the round trip (RFC 5905, section 8, with
one server). An offset below the round trip counts as 0, because a worker on the master's machine has the same clock.
"""

from __future__ import annotations

import time
from typing import Final, NamedTuple

MAX_SAMPLES: Final = 20
"""Number of samples kept; the clock uses the one with the shortest round trip."""


class Sample(NamedTuple):
    """One exchange: seconds that the master's clock is ahead, and the round trip."""

    offset: float
    round_trip: float


def sample(asked: float, master: float, answered: float) -> Sample:
    """Return an exchange's sample: `asked` and `answered` by the worker's clock, `master` by the master's. Pure."""
    return Sample(master - (asked + answered) / 2, answered - asked)


class Clock:
    """A worker's estimate of the master's time; on the master itself, the machine's own time."""

    def __init__(self) -> None:
        self.offset = 0.0
        self._samples: list[Sample] = []

    def now(self) -> float:
        """Return seconds since the epoch, by the master's clock."""
        return time.time() + self.offset

    def to_master_time(self, local: float) -> float:
        """Return the master's time for a time of this machine."""
        return local + self.offset

    def add(self, found: Sample) -> None:
        """Add the sample of one exchange."""
        self._samples = [*self._samples[-(MAX_SAMPLES - 1) :], found]
        best = min(self._samples, key=lambda each: each.round_trip)
        self.offset = best.offset if abs(best.offset) > best.round_trip else 0.0
