"""Real processes of the HTTP API for the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from roomcast.contract.api_keys import ApiKeys, Scope
from roomcast.contract.backend import open_client
from roomcast.wire import redis_url as urls
from tests import gateways, health, servers

ALL_SCOPES = tuple(Scope)


class Api(NamedTuple):
    """A running API process, and the API key that its clients send."""

    port: int
    metrics_port: int
    process: subprocess.Popen[bytes]
    log: Path
    key: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, key: str | None = None, **more: Any) -> httpx.Client:
        """Return an HTTP client that sends `key`; by default, the key of this object."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=10, trust_env=False, **more)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        """Send SIGTERM; check that the exit code is 0 and that the log contains no traceback."""
        servers.stop(self.process)
        assert self.process.returncode == 0, self.said()
        assert "Traceback" not in self.said(), self.said()


async def make_key(redis_url: str, *scopes: str, name: str = "tests", **more: Any) -> str:
    """Store an API key and return its text. Without `scopes` the key has all scopes."""
    target = urls.parse(redis_url)
    client = open_client(target)
    try:
        return await ApiKeys(client, prefix=target.prefix).create(name, scopes or ALL_SCOPES, **more)
    finally:
        await client.aclose()


@contextmanager
def api(folder: Path, redis_url: str, key: str = "", *, is_ready: bool = True, **more: str) -> Iterator[Api]:
    """Run an API process until the context ends; `more`: settings without the prefix ROOMCAST_.

    With `is_ready=False`, do not wait until the process is ready, only until its health port answers.
    """
    port, metrics_port = servers.free_port(), servers.free_port()
    own = {
        "REDIS_URL": redis_url,
        "JWT_SECRET": gateways.SECRET,
        "PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "API_RATE": "10000",
    } | more
    settings = servers.base_environment() | {f"ROOMCAST_{name}": value for name, value in own.items()}
    log = folder / "api.log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-m", "roomcast.api"], env=settings, stdout=file, stderr=file)
    running = Api(port, metrics_port, process, log, key)
    try:
        servers.wait_until(
            lambda: health.get(metrics_port, "/readyz")[0] in ((200,) if is_ready else (200, 503)), "API"
        )
        yield running
        running.stop()
    finally:
        servers.stop(process)
