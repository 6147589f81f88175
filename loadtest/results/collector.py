"""Gather the reports of a run's processes, and figures over time: in the master, or in the only process."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from loadtest.results.rows import percentile
from loadtest.results.slo import DELIVERIES, SENDS

MAX_POINTS: Final = 3_600
_ROWS: Final = (DELIVERIES, SENDS)


class Point(NamedTuple):
    """Figures since the previous point: latencies in ms (None: no event), rates per second; `at` is in seconds."""

    at: float
    users: int
    deliveries: float
    sends: float
    failures: float
    delivery_p50: float | None
    delivery_p95: float | None
    delivery_p99: float | None
    ack_p95: float | None
    cpu: float
    late_ms: float


class Collector:
    """Collects reports: call `take` for each one, and `sample` about once a second."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.processes: dict[str, dict[str, Any]] = {}
        self.most_users = 0
        self._counts: dict[str, Counter[str]] = {}
        self._before: dict[str, Counter[float]] = {}
        self._failures_before = 0
        self._begun = self._sampled = time.monotonic()

    def take(self, process: str, report: Mapping[str, Any]) -> None:
        """Store a process's counts (of the whole run) and its meter's summary."""
        self._counts[process] = Counter(report["counts"])
        self.processes[process] = dict(report["meter"])

    @property
    def counts(self) -> Counter[str]:
        """Return the counts of all processes together."""
        return sum(self._counts.values(), Counter())

    @property
    def saturated(self) -> list[str]:
        """Return the names of the saturated processes."""
        return [name for name, meter in self.processes.items() if meter["is_saturated"]]

    def sample(self, stats: Any, users: int) -> None:
        """Add a point with the increase of locust's statistics since the last point."""
        now = time.monotonic()
        span, self._sampled = max(1e-9, now - self._sampled), now
        gained = {title: self._gained(title, stats) for title in _ROWS}
        failures = int(stats.total.num_failures)
        failed, self._failures_before = max(0, failures - self._failures_before), failures
        self.most_users = max(self.most_users, users)
        if len(self.points) >= MAX_POINTS:  # full: drop every other point to make room
            del self.points[::2]
        self.points.append(self._point(now - self._begun, users, span, gained, failed))

    def _gained(self, title: str, stats: Any) -> Counter[float]:
        """Return the response times that a row gained. If locust has reset the row (it has fewer), return all."""
        kind, _, name = title.partition(" ")
        entry = stats.entries.get((name, kind))
        found: Counter[float] = Counter(dict(entry.response_times)) if entry is not None else Counter()
        before = self._before.get(title, Counter())
        self._before[title] = found
        return found if found.total() < before.total() else found - before

    def _point(self, at: float, users: int, span: float, gained: Mapping[str, Counter[float]], failed: int) -> Point:
        deliveries, sends = gained[DELIVERIES], gained[SENDS]

        def share(histogram: Counter[float], part: float) -> float | None:
            return percentile(histogram, part) if histogram else None

        return Point(
            at,
            users,
            deliveries.total() / span,
            sends.total() / span,
            failed / span,
            share(deliveries, 0.5),
            share(deliveries, 0.95),
            share(deliveries, 0.99),
            share(sends, 0.95),
            max((float(meter["cpu"]) for meter in self.processes.values()), default=0.0),
            max((float(meter["late_ms"]) for meter in self.processes.values()), default=0.0),
        )
