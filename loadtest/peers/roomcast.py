"""Roomcast's gateways with all features: room log, acks, signed tokens, and limits set too high to be reached."""

from __future__ import annotations

import secrets
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from loadtest.bench.processes import BenchError, Processes, free_ports
from loadtest.peers.interface import Running, plain_environment

READY_SECONDS = 30.0
_LIMITS = {
    "ROOMCAST_EVENTS_PER_SECOND": "1000000",
    "ROOMCAST_DAILY_BYTES": "1000000000000",
    "ROOMCAST_PENDING_PER_ADDRESS": "10000",
}


@dataclass
class Roomcast:
    """Gateways that run from the checkout, on the Python interpreter that runs the benchmark."""

    name: str = "roomcast"
    title: str = "Roomcast"
    label: str = "Roomcast"
    dialect: str = "roomcast"
    leaves_out: str = (
        "nothing; it logs, numbers and acks every message, checks tokens, keeps presence and checks limits"
    )
    is_rival: bool = False
    keeps_history: bool = True

    settings: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables of the gateways."""

    def install(self, folder: Path) -> None:
        """Do nothing: the gateways run from the checkout."""

    def start(self, processes: Processes, redis_port: int, count: int) -> Running:
        found = free_ports(2 * count)
        ports, metrics_ports = found[:count], found[count:]
        secret = secrets.token_hex(32)
        pids = []
        for number, (port, metrics_port) in enumerate(zip(ports, metrics_ports, strict=True), start=1):
            environment = plain_environment(
                ROOMCAST_REDIS_URL=f"redis://127.0.0.1:{redis_port}/0",
                ROOMCAST_NODE=str(number),
                ROOMCAST_PORT=str(port),
                ROOMCAST_METRICS_PORT=str(metrics_port),
                ROOMCAST_JWT_SECRET=secret,
                ROOMCAST_CLUSTER_KEY=secret,
                **_LIMITS,
                **self.settings,
            )
            pids.append(
                processes.start(f"gateway-{port}", [sys.executable, "-m", "roomcast.gateway"], port, environment)
            )
        for metrics_port in metrics_ports:
            _wait_ready(metrics_port)
        return Running(ports, pids, secret, metrics_ports)


def _wait_ready(metrics_port: int) -> None:
    """Wait until a gateway is ready: it listens before its Redis connections are open, and then refuses clients."""
    deadline = time.monotonic() + READY_SECONDS
    url = f"http://127.0.0.1:{metrics_port}/readyz"
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.05)
    raise BenchError(f"the gateway with metrics on port {metrics_port} is not ready after {READY_SECONDS:g} s")
