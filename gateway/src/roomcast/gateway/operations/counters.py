"""Count connections and events in plain numbers, which become Prometheus metrics at a scrape.

An increment of a labelled prometheus_client counter takes 5 µs and a lock. A plain addition takes a twentieth of that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from roomcast.gateway.operations.histogram import Histogram, OutcomeCounter


class LabelledCounter(Collector):
    """A counter with labels, registered with `registry`."""

    def __init__(self, name: str, meaning: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._described = (name, meaning, labels)
        self._counts: defaultdict[tuple[str, ...], int] = defaultdict(int)
        registry.register(self)

    def increment(self, *labels: str) -> None:
        """Add one to the counter with these label values."""
        self._counts[labels] += 1

    def collect(self) -> Iterator[Metric]:
        """Yield the metric, for a scrape."""
        name, meaning, labels = self._described
        family = CounterMetricFamily(name, meaning, labels=labels)
        for values, count in self._counts.items():
            family.add_metric(values, count)
        yield family


class PlainHistogram(Collector):
    """A histogram without labels; `durations` counts the observed values."""

    def __init__(self, name: str, meaning: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._described = (name, meaning)
        self.durations = Histogram(bounds)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric, for a scrape."""
        family = HistogramMetricFamily(*self._described)
        _fill(family, (), self.durations)
        yield family


class EventCounters(Collector):
    """Counts client events by name and outcome, and their durations by name."""

    def __init__(self, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._bounds = bounds
        self._counters: dict[tuple[str, str], OutcomeCounter] = {}
        self._timed: dict[str, Histogram] = {}
        registry.register(self)

    def counter_of(self, name: str, outcome: str) -> OutcomeCounter:
        """Return the counter of one event and outcome."""
        counter = self._counters.get((name, outcome))
        if counter is None:
            timed = self._timed.setdefault(name, Histogram(self._bounds))
            counter = self._counters[name, outcome] = OutcomeCounter(timed)
        return counter

    def collect(self) -> Iterator[Metric]:
        """Yield the metric, for a scrape."""
        counted = CounterMetricFamily(
            "roomcast_gateway_events", "Client events by event and outcome", labels=["event", "outcome"]
        )
        for labels, counter in self._counters.items():
            counted.add_metric(labels, counter.count)
        yield counted
        timed = HistogramMetricFamily(
            "roomcast_gateway_event_seconds", "Time from a client event to its ack, by event", labels=["event"]
        )
        for name, durations in self._timed.items():
            _fill(timed, (name,), durations)
        yield timed


def _fill(family: HistogramMetricFamily, labels: Sequence[str], durations: Histogram) -> None:
    heights = zip((*map(str, durations.bounds), "+Inf"), accumulate(durations.heights), strict=True)
    family.add_metric(labels, list(heights), durations.total)
