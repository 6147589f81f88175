"""Counting and limiting, for every event."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """How often which duration was seen: `heights[i]` above `bounds[i - 1]`, up to `bounds[i]` seconds."""

    __slots__ = ("bounds", "heights", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.heights = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        self.heights[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class OutcomeCounter:
    """One outcome of one kind of event: its number, and its durations together with those of other outcomes."""

    __slots__ = ("count", "durations")

    def __init__(self, durations: Histogram) -> None:
        self.count = 0
        self.durations = durations

    def add(self, seconds: float) -> None:
        self.count += 1
        self.durations.observe(seconds)


class TokenBucket:
    """`rate` events a second in the long run, `burst` at once. The clock is the caller's, in seconds."""

    __slots__ = ("burst", "filled_at", "level", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.level = burst
        self.filled_at = now

    def take(self, now: float) -> bool:
        level = min(self.burst, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if level < 1.0:
            self.level = level
            return False
        self.level = level - 1.0
        return True

    def wait_seconds(self) -> float:
        """How long until the next event is allowed."""
        return max(0.0, (1.0 - self.level) / self.rate)
