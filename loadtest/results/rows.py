"""Collect the figures of each kind of request or delivery over a run, and show them as a table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from loadtest.scenarios.run_state import DELIVERY

Histogram = Mapping[float, int]
"""Counts by latency in milliseconds."""


class Row(NamedTuple):
    """One kind of request over the whole run; times in milliseconds."""

    kind: str
    name: str
    requests: int
    failures: int
    per_second: float
    p50: float
    p95: float
    p99: float
    worst: float

    @property
    def title(self) -> str:
        """Return the name of this row in targets."""
        return f"{self.kind} {self.name}"


def from_entries(entries: Iterable[Any]) -> list[Row]:
    """Return the rows of locust's statistics entries, by name."""
    found = list(entries)
    begin = min((float(entry.start_time) for entry in found), default=0.0)
    end = max((float(entry.last_request_timestamp or 0) for entry in found), default=0.0)
    return sorted(_row(entry, max(1e-9, end - begin)) for entry in found)


def error_ratio(rows: Sequence[Row]) -> float:
    """Return the share of requests that failed; deliveries do not count as requests."""
    requests = [row for row in rows if row.kind != DELIVERY]
    return sum(row.failures for row in requests) / max(1, sum(row.requests for row in requests))


def percentile(histogram: Histogram, share: float) -> float:
    """Return the nearest-rank percentile of a histogram; 0 for an empty one."""
    times = sorted(histogram.items())
    left = share * sum(histogram.values())
    for value, count in times:
        left -= count
        if left <= 1e-9:
            return value
    return times[-1][0] if times else 0.0


def table(rows: Sequence[Row]) -> str:
    """Return the summary for a terminal."""
    header = ("kind", "name", "count", "failed", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms")
    cells = [header, *(as_cells(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    return "\n".join("  ".join(_pad(cell, widths[at], at) for at, cell in enumerate(row)) for row in cells)


def as_cells(row: Row) -> tuple[str, ...]:
    """Return a row as texts."""
    times = (row.p50, row.p95, row.p99, row.worst)
    counts = (f"{row.requests:,}", f"{row.failures:,}", f"{row.per_second:,.1f}")
    return (row.kind, row.name, *counts, *(f"{value:g}" for value in times))


def _pad(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)


def _row(entry: Any, seconds: float) -> Row:
    times = {float(value): int(count) for value, count in entry.response_times.items()}
    p50, p95, p99 = (percentile(times, share) for share in (0.5, 0.95, 0.99))
    count, worst = int(entry.num_requests), round(float(entry.max_response_time or 0), 1)
    kind, name = str(entry.method or ""), str(entry.name)
    return Row(kind, name, count, int(entry.num_failures), count / seconds, p50, p95, p99, worst)
