"""Compare locust's final statistics with stated targets, and write the summary table. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

DELIVERY = ("delivery", "message")
ACK = ("ack", "message:send")


@dataclass(frozen=True)
class Targets:
    """The targets of a run: milliseconds, a share of all requests, and sends acked per second and user."""

    p95_delivery_ms: float = 250.0
    p95_ack_ms: float = 250.0
    error_ratio: float = 0.001
    sends_per_user: float = 0.2


class Line(NamedTuple):
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


def lines(statistics: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Parse the rows of locust's `--json-file`."""
    entries = list(statistics)
    begin = min((float(entry["start_time"]) for entry in entries), default=0.0)
    end = max((float(entry["last_request_timestamp"] or 0) for entry in entries), default=0.0)
    return [_line(entry, max(1e-9, end - begin)) for entry in entries]


def missed(found: Sequence[Line], targets: Targets, users: int) -> list[str]:
    """Return one sentence per missed target; none when all hold."""
    rows = {(line.kind, line.name): line for line in found}
    delivery, ack = rows.get(DELIVERY), rows.get(ACK)
    if delivery is None or ack is None or ack.requests == ack.failures:
        return ["no message was acked and delivered"]
    ratio = error_ratio(found)
    rate = ack.per_second * (ack.requests - ack.failures) / ack.requests
    wanted_rate = targets.sends_per_user * users
    checks = (
        (delivery.p95 <= targets.p95_delivery_ms, f"delivery p95 {delivery.p95:g} ms > {targets.p95_delivery_ms:g} ms"),
        (ack.p95 <= targets.p95_ack_ms, f"ack p95 {ack.p95:g} ms > {targets.p95_ack_ms:g} ms"),
        (ratio <= targets.error_ratio, f"error ratio {ratio:.4f} > {targets.error_ratio:g}"),
        (rate >= wanted_rate, f"{rate:.1f} acked sends/s < {wanted_rate:.1f}/s"),
    )
    return [sentence for held, sentence in checks if not held]


def error_ratio(found: Sequence[Line]) -> float:
    """Return failed requests over all requests; deliveries are no requests."""
    requests = [line for line in found if line.kind != "delivery"]
    return sum(line.failures for line in requests) / max(1, sum(line.requests for line in requests))


def table(found: Sequence[Line]) -> str:
    """Return the summary for a terminal."""
    header = ("kind", "name", "count", "failed", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms")
    rows = [header, *(_cells(line) for line in sorted(found, key=lambda line: (line.kind, line.name)))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    return "\n".join("  ".join(_pad(cell, widths[at], at) for at, cell in enumerate(row)) for row in rows)


def _cells(line: Line) -> tuple[str, ...]:
    times = (line.p50, line.p95, line.p99, line.worst)
    counts = (str(line.requests), str(line.failures), f"{line.per_second:.1f}")
    return (line.kind, line.name, *counts, *(f"{value:g}" for value in times))


def _pad(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column < 2 else cell.rjust(width)


def _line(entry: Mapping[str, Any], seconds: float) -> Line:
    times = sorted((float(value), int(count)) for value, count in entry["response_times"].items())
    p50, p95, p99 = (_percentile(times, share) for share in (0.5, 0.95, 0.99))
    count = int(entry["num_requests"])
    worst = round(float(entry["max_response_time"] or 0), 1)
    kind, name = str(entry["method"] or ""), str(entry["name"])
    return Line(kind, name, count, int(entry["num_failures"]), count / seconds, p50, p95, p99, worst)


def _percentile(times: Sequence[tuple[float, int]], share: float) -> float:
    """Return the nearest-rank percentile of `(value, count)` pairs in ascending order."""
    left = share * sum(count for _, count in times)
    for value, count in times:
        left -= count
        if left <= 1e-9:
            return value
    return times[-1][0] if times else 0.0
