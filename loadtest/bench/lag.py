"""Read a gateway's own event-loop lag from its metrics page. Pure except `read`."""

from __future__ import annotations

import re
import urllib.request
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

LAG: Final = "roomcast_gateway_loop_lag_seconds"
BUSY: Final = "roomcast_gateway_loop_busy_seconds"
_BUCKET: Final = re.compile(r'^(\w+)_bucket\{[^}]*le="([^"]+)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE)
READ_SECONDS: Final = 10.0

Buckets = Mapping[float, float]
"""Upper bound in seconds -> number of observations up to it, as Prometheus counts (cumulative)."""


def buckets(page: str, metric: str = LAG) -> Buckets:
    """Return a histogram of a metrics page, summed over its label sets; raise ValueError without that histogram."""
    found: defaultdict[float, float] = defaultdict(float)
    for name, bound, count in _BUCKET.findall(page):
        if name == metric:
            found[float(bound)] += float(count)
    if not found:
        raise ValueError(f"no {metric} on the metrics page")
    return dict(found)


def longest(before: Buckets, after: Buckets) -> float:
    """Return an upper bound in seconds of the longest lag between two readings; 0.0 without observations."""
    grown = {bound: after[bound] - before.get(bound, 0.0) for bound in after}
    total = max(grown.values(), default=0.0)
    reached = [bound for bound, count in sorted(grown.items()) if count >= total]
    return reached[0] if total and reached else 0.0


def above(before: Buckets, after: Buckets, seconds: float) -> float:
    """Count the observations between two readings that exceed the smallest bucket bound of at least `seconds`."""
    bound = min((each for each in after if each >= seconds), default=float("inf"))
    total = max(after.values()) - max(before.values(), default=0.0)
    return total - (after[bound] - before.get(bound, 0.0)) if bound in after else 0.0


def read(ports: Iterable[int]) -> list[str]:
    """Return the metrics pages of the gateways on these ports."""
    pages = []
    for port in ports:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=READ_SECONDS) as answer:
            pages.append(answer.read().decode())
    return pages
