"""Count the outcomes and durations of events, for every event. `metrics.py` shows them as metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from roomcast.hotpath.choice import prefer_compiled


class Histogram:
    """Count how often which duration was seen: `heights[i]` above `bounds[i - 1]`, up to `bounds[i]` seconds."""

    __slots__ = ("bounds", "heights", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.heights = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.heights[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds


class OutcomeCounter:
    """Count one outcome of one kind of event; its durations are shared with the other outcomes."""

    __slots__ = ("count", "durations")

    def __init__(self, durations: Histogram) -> None:
        self.count = 0
        self.durations = durations

    def add(self, seconds: float) -> None:
        """Count one event that took so long."""
        self.count += 1
        self.durations.observe(seconds)


prefer_compiled(__name__)
