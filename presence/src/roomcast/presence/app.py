"""Compose a sweeper from its parts and run it."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import time
from functools import partial
from typing import Final

import structlog

from roomcast.presence.config import Config
from roomcast.presence.expiry import Windows
from roomcast.presence.metrics import Metrics
from roomcast.presence.store import PresenceStore, StoreError, connect
from roomcast.presence.sweeper import Sweeper
from roomcast.process import health_server, redis_faults
from roomcast.wire.redis_url import parse
from roomcast.wire.tasks import TaskSet

_READY_SECONDS: Final = 5.0


async def run(config: Config) -> None:
    """Sweep until SIGTERM or SIGINT. Raise OSError for a port in use."""
    log = structlog.get_logger(__name__)
    windows = Windows()
    metrics = Metrics()
    store = PresenceStore(connect(config.redis_url), windows, parse(config.redis_url).keyspace)
    token = secrets.token_hex(8)
    sweeper = Sweeper(store, windows, metrics, token=token, clock=time.monotonic, chance=random.random)
    tasks, loop = TaskSet(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, sweeper.stop)

    try:
        is_ready = partial(metrics.is_fresh, _READY_SECONDS)
        async with health_server.serve(
            config.ops_host, config.metrics_port, is_ready, metrics.exposition, config.tls
        ) as port:
            log.info("started", redis=parse(config.redis_url).label, metrics_port=port)
            tasks.start(redis_faults.report(store.info, StoreError), "faults of Redis")
            await tasks.supervise(sweeper.run, "sweeper")
            log.info("stopped")
    finally:
        await tasks.cancel()
        await store.close()
