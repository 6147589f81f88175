"""Compose an API process from its parts, run it, and shut it down in order."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog

from roomcast.api import server
from roomcast.api.application import make_application
from roomcast.api.authentication import Admission
from roomcast.api.config import Config
from roomcast.api.guard import Guard
from roomcast.api.metrics import Metrics
from roomcast.api.parts import Parts
from roomcast.contract.api_keys import ApiKeys
from roomcast.contract.backend import Backend, open_client
from roomcast.contract.errors import RoomcastError
from roomcast.process import health_server, redis_faults
from roomcast.process.listen import open_sockets
from roomcast.wire import redis_url
from roomcast.wire.tasks import TaskSet

READY_SECONDS: Final = 2.0
_log = structlog.get_logger(__name__)


async def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Then become unready, close the listener, answer open requests, and close Redis.

    Raise OSError for a port in use.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    target = redis_url.parse(config.redis_url)
    client = open_client(target, name="roomcast-api")
    backend = Backend(client, prefix=target.prefix, retention=config.retention, cluster_keys=config.cluster_keys)
    keys = ApiKeys(client, prefix=target.prefix)
    secret = config.jwt_secret.get_secret_value() if config.jwt_secret else None
    try:
        await _serve(config, Parts(backend, keys, config.rate, secret), stopping)
    finally:
        await client.aclose()


async def _serve(config: Config, parts: Parts, stopping: asyncio.Event) -> None:
    metrics, health, tasks = Metrics(), Health(parts.backend), TaskSet()

    def is_ready() -> bool:
        """Tell whether Redis answers and the process is not draining."""
        return health.is_fresh(READY_SECONDS) and not stopping.is_set()

    application = Guard(make_application(parts), metrics, admit=Admission(parts))
    listeners = open_sockets(config.host, config.port, server.BACKLOG)
    try:
        async with health_server.serve(
            config.ops_host, config.metrics_port, is_ready, metrics.exposition, config.tls
        ) as metrics_port:
            tasks.supervise(partial(metrics.watch, is_ready, health.check_once), "health")
            tasks.start(redis_faults.report(parts.backend.info, RoomcastError), "faults of Redis")
            port = listeners[0].getsockname()[1]
            _log.info("started", port=port, metrics_port=metrics_port, signs_tokens=parts.jwt_secret is not None)
            files = config.tls_certificate, config.tls_key
            await server.serve(application, listeners, stopping, config.drain_seconds, *files)
            _log.info("stopped")
    finally:
        await tasks.cancel()
        for listener in listeners:
            listener.close()


class Health:
    """Checks whether Redis answers."""

    def __init__(self, backend: Backend, clock: Callable[[], float] = time.monotonic) -> None:
        self._backend = backend
        self._clock = clock
        self._answered = float("-inf")
        self._is_failing = False

    def is_fresh(self, seconds: float) -> bool:
        """Tell whether Redis answered less than `seconds` ago."""
        return self._clock() - self._answered < seconds

    async def check_once(self) -> None:
        """Check Redis once."""
        try:
            await self._backend.ping()
        except RoomcastError as error:
            if not self._is_failing:
                _log.warning("Redis does not serve the API", reason=error.detail)
            self._is_failing = True
            return
        if self._is_failing:
            _log.info("Redis serves the API again")
        self._is_failing = False
        self._answered = self._clock()
