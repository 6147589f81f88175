"""The composition root of the sweeper process."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import time
from typing import Final

import structlog
from aiohttp import web

from contract.redis_url import parse
from presence.config import Config
from presence.health import make_app
from presence.observe import CONTENT_TYPE, Metrics
from presence.state import Windows
from presence.store import PresenceStore, connect
from presence.sweeper import Sweeper

_READY_SECONDS: Final = 5.0


async def run(config: Config) -> None:
    """Sweep until SIGTERM or SIGINT. Raises OSError when the port is taken."""
    log = structlog.get_logger("presence")
    windows = Windows(sweep_seconds=config.sweep_seconds)
    metrics = Metrics()
    store = PresenceStore(connect(config.redis_url), windows)
    token = secrets.token_hex(8)
    sweeper = Sweeper(store, windows, metrics, token=token, clock=time.monotonic, chance=random.random)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, sweeper.stop)

    endpoints = make_app(lambda: metrics.is_fresh(_READY_SECONDS), metrics.exposition, CONTENT_TYPE)
    runner = web.AppRunner(endpoints, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    try:
        site = web.TCPSite(runner, config.host, config.metrics_port)
        await site.start()
        log.info("started", redis=parse(config.redis_url).label, health=f"{config.host}:{config.metrics_port}")
        await sweeper.run()
        log.info("stopped")
    finally:
        await runner.cleanup()
        await store.close()
