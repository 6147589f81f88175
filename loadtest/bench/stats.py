"""Medians, spreads, ratios and percentiles. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple


class Latency(NamedTuple):
    """Percentiles of latencies, in milliseconds."""

    p50: float
    p99: float
    top: float


class Spread(NamedTuple):
    """A figure over several rounds."""

    median: float
    low: float
    high: float
    rounds: int


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of sorted values (`share` from 0 to 1); 0.0 for an empty sequence."""
    if not ordered:
        return 0.0
    rank = max(1, -(-len(ordered) * share // 1))
    return float(ordered[int(rank) - 1])


def latency(values_us: Iterable[int]) -> Latency:
    """Return percentiles of latencies given in microseconds."""
    ordered = sorted(values_us)
    return Latency(percentile(ordered, 0.5) / 1000, percentile(ordered, 0.99) / 1000, percentile(ordered, 1.0) / 1000)


def spread(values: Sequence[float]) -> Spread:
    """Return median, lowest and highest of one figure's rounds; raise ValueError when there are none."""
    if not values:
        raise ValueError("no rounds")
    return Spread(median(values), min(values), max(values), len(values))


def ratio(value: float, against: float) -> float | None:
    """Return `against / value`: above 1, `value` is better, because less is better. None when a figure is 0."""
    return against / value if value > 0 and against > 0 else None
