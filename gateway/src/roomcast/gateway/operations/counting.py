"""What happens with every connection and every event, counted in plain numbers and read when Prometheus asks.

A counter of prometheus_client with labels costs 5 µs each time, behind a lock; an addition costs a twentieth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from roomcast.hotpath import Histogram, OutcomeCounter


class Counts(Collector):
    """A counter with labels. `registry` reads it."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._described = (name, meaning, labels)
        self._counts: defaultdict[tuple[str, ...], int] = defaultdict(int)
        registry.register(self)

    def add(self, *labels: str) -> None:
        self._counts[labels] += 1

    def collect(self) -> Iterator[Metric]:
        name, meaning, labels = self._described
        family = CounterMetricFamily(name, meaning, labels=labels)
        for values, count in self._counts.items():
            family.add_metric(values, count)
        yield family


class Spread(Collector):
    """A histogram without labels; `durations` is what it shows."""

    def __init__(self, name: str, meaning: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._described = (name, meaning)
        self.durations = Histogram(bounds)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(*self._described)
        _fill(family, (), self.durations)
        yield family


class EventTallies(Collector):
    """Client events, counted by name and outcome, and timed by name."""

    def __init__(self, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._bounds = bounds
        self._tallies: dict[tuple[str, str], OutcomeCounter] = {}
        self._timed: dict[str, Histogram] = {}
        registry.register(self)

    def of(self, name: str, outcome: str) -> OutcomeCounter:
        """The tally of one kind and outcome; add to it as often as it happens."""
        tally = self._tallies.get((name, outcome))
        if tally is None:
            timed = self._timed.setdefault(name, Histogram(self._bounds))
            tally = self._tallies[name, outcome] = OutcomeCounter(timed)
        return tally

    def collect(self) -> Iterator[Metric]:
        counted = CounterMetricFamily(
            "roomcast_gateway_events", "Client events by name and outcome", labels=["event", "outcome"]
        )
        for labels, tally in self._tallies.items():
            counted.add_metric(labels, tally.count)
        yield counted
        timed = HistogramMetricFamily("roomcast_gateway_event_seconds", "From event to ack", labels=["event"])
        for name, durations in self._timed.items():
            _fill(timed, (name,), durations)
        yield timed


def _fill(family: HistogramMetricFamily, labels: Sequence[str], durations: Histogram) -> None:
    heights = zip((*map(str, durations.bounds), "+Inf"), accumulate(durations.heights), strict=True)
    family.add_metric(labels, list(heights), durations.total)
