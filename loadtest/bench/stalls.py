"""Measure how long a gateway's event loop stalls: from outside, and by the gateway's own metric.

From outside: the watch requests the health page, which the gateway's loop serves, two milliseconds after each answer.
The slowest answer is an upper bound of the longest stall; it includes two scheduler delays.

By metric: the gateway's loop-lag probe also runs every two milliseconds. A second metric says how much of a delay was
CPU time of the gateway's own thread; in the rest of the delay, the core ran other processes.
"""

from __future__ import annotations

import http.client
import threading
import time
from typing import Final

from loadtest.bench import lag

ASK_EVERY_SECONDS: Final = 0.002
LIMIT_SECONDS: Final = 0.02


class StallWatch:
    """A watch over the gateways with these metrics ports while its context is open; `figures` returns the result."""

    def __init__(self, metrics_ports: list[int]) -> None:
        self._ports = metrics_ports
        self._before = lag.read(metrics_ports)
        self._after = self._before
        self._slowest = [0.0] * len(metrics_ports)
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(place, port), daemon=True)
            for place, port in enumerate(metrics_ports)
        ]

    def __enter__(self) -> StallWatch:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(lag.READ_SECONDS)
        self._after = lag.read(self._ports)

    def figures(self) -> dict[str, float]:
        """Return the worst figures over all gateways, in milliseconds."""
        lags, busy = self._grown(lag.LAG), self._grown(lag.BUSY)
        return {
            "stall_ms": max(self._slowest) * 1000,
            "lag_ms": max(lag.longest(early, late) for early, late in lags) * 1000,
            "busy_ms": max(lag.longest(early, late) for early, late in busy) * 1000,
            "lags_20ms": sum(lag.above(early, late, LIMIT_SECONDS) for early, late in lags),
        }

    def _grown(self, metric: str) -> list[tuple[lag.Buckets, lag.Buckets]]:
        """Return a histogram of each gateway before and after the watch."""
        pages = zip(self._before, self._after, strict=True)
        return [(lag.buckets(early, metric), lag.buckets(late, metric)) for early, late in pages]

    def _ask(self, place: int, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=lag.READ_SECONDS)
        while not self._over.wait(ASK_EVERY_SECONDS):
            started = time.perf_counter()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            self._slowest[place] = max(self._slowest[place], time.perf_counter() - started)
        connection.close()
