"""How long a gateway's event loop stands still: seen from outside, and by the gateway's own metric.

The metric samples the lag now and then, so a short stall can fall between two samples. The health page is served by the
same loop: asked without pause, its slowest answer bounds the longest stall (with what the scheduler adds).
"""

from __future__ import annotations

import http.client
import threading
import time
from typing import Final

from loadtest.bench import lag

ASK_EVERY_SECONDS: Final = 0.002
LAG_SECONDS: Final = 0.025


class StallWatch:
    """Watches the gateways with these metrics ports while its context is open; then `figures` tells."""

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
        """The worst over all gateways; milliseconds."""
        pairs = list(zip(self._before, self._after, strict=True))
        return {
            "stall_ms": max(self._slowest) * 1000,
            "lag_ms": max(lag.longest(early, late) for early, late in pairs) * 1000,
            "lags_25ms": sum(lag.above(early, late, LAG_SECONDS) for early, late in pairs),
        }

    def _ask(self, place: int, port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=lag.READ_SECONDS)
        while not self._over.wait(ASK_EVERY_SECONDS):
            started = time.perf_counter()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            self._slowest[place] = max(self._slowest[place], time.perf_counter() - started)
        connection.close()
