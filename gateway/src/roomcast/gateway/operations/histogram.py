"""Count the outcomes and durations of events. `metrics.py` exposes them as metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from roomcast.hotpath.module_loader import prefer_compiled


class Histogram:
    """Counts durations: `heights[i]` is the number of durations above `bounds[i - 1]` and up to `bounds[i]` seconds."""

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
    """Counts one outcome of one kind of event. All outcomes of the event share `durations`."""

    __slots__ = ("count", "durations")

    def __init__(self, durations: Histogram) -> None:
        self.count = 0
        self.durations = durations

    def add(self, seconds: float) -> None:
        """Count one event and its duration."""
        self.count += 1
        self.durations.observe(seconds)


prefer_compiled(__name__)
