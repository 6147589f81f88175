"""A sweeper (`presence`) or signer (`media`) process under test, with only the given settings and a log file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests import health, servers

ROOT = Path(__file__).resolve().parents[1]


class Running(NamedTuple):
    """One process: its health port and log file."""

    process: subprocess.Popen[bytes]
    metrics_port: int
    log: Path

    @property
    def is_ready(self) -> bool:
        return health.is_ready(self.metrics_port)

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def running(kind: str, folder: Path, **settings: str) -> Iterator[Running]:
    """Run `python -m roomcast.<kind>` with settings (full names); yield once its health port listens.

    Leaving the context stops the process, and checks that the exit code is 0 and the log contains no traceback.
    """
    port = servers.free_port()
    log = folder / f"{kind}-{port}.log"
    environment = servers.base_environment() | settings | {"ROOMCAST_METRICS_PORT": str(port)}
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", f"roomcast.{kind}"], cwd=ROOT, env=environment, stdout=file, stderr=file
        )
    one = Running(process, port, log)
    try:
        servers.wait_until(lambda: servers.is_listening(port), f"the health port of {kind}", 60.0)
        yield one
    finally:
        servers.stop(process)
    assert process.returncode == 0, one.said
    assert "Traceback" not in one.said, one.said


def media_settings(redis_url: str, endpoint: str = "http://127.0.0.1:1") -> dict[str, str]:
    """Return the settings of a signer. By default no storage listens at `endpoint`."""
    return {
        "ROOMCAST_REDIS_URL": redis_url,
        "ROOMCAST_S3_ENDPOINT": endpoint,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "HOME": os.environ.get("HOME", "/tmp"),
    }
