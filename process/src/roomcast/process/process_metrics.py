"""The metrics that signers and API processes share: resource usage, lag of the event loop, and readiness."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.gc_collector import GCCollector

from roomcast.process.resource_usage import ProcessUsage

WATCH_SECONDS: Final = 0.5
"""Seconds between two measurements of readiness and of the event loop's lateness."""


async def _check_nothing() -> None:
    """Do nothing before a measurement."""


class ProcessMetrics:
    """A registry with the metrics of the process; a subclass adds its own.

    `prefix` begins the names of the metrics; `ready` describes the gauge of readiness.
    """

    def __init__(self, prefix: str, ready: str) -> None:
        self._registry = CollectorRegistry()
        ProcessUsage(self._registry)
        GCCollector(registry=self._registry)
        self._ready = Gauge(f"{prefix}_ready", ready, registry=self._registry)
        self._lag = Gauge(
            f"{prefix}_loop_lag_seconds", "Lateness of the event loop at the last measurement", registry=self._registry
        )

    def ready(self, is_ready: bool) -> None:
        """Set the gauge of readiness."""
        self._ready.set(is_ready)

    def loop_lag(self, seconds: float) -> None:
        """Set the gauge of the event loop's lateness, in seconds."""
        self._lag.set(seconds)

    async def watch(self, is_ready: Callable[[], bool], check: Callable[[], Awaitable[None]] = _check_nothing) -> None:
        """Run `check`, then measure readiness and the event loop's lateness; every WATCH_SECONDS until cancelled."""
        while True:
            await check()
            self.ready(is_ready())
            due = time.monotonic() + WATCH_SECONDS
            await asyncio.sleep(WATCH_SECONDS)
            self.loop_lag(max(0.0, time.monotonic() - due))

    def exposition(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self._registry)
