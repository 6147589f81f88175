"""The composition root: makes every part of a signer, runs it, and ends it in order."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from roomcast.contract.errors import RoomcastError
from roomcast.media import storage
from roomcast.media.bus import Bus
from roomcast.media.config import Config
from roomcast.media.observe import Metrics
from roomcast.media.policy import Policy
from roomcast.media.records import Limits, Records
from roomcast.media.service import Service, Settings
from roomcast.media.signer import Bounds, Signer
from roomcast.media.sweep import Sweep
from roomcast.process import ops
from roomcast.wire import redis_url
from roomcast.wire.tasks import TaskSet

READY_SECONDS = 2.0
SET_UP_SECONDS = 60.0
SEND_SECONDS = 86_400
"""A verified upload may be sent for a day; its record outlives any message that then names it."""
_log = structlog.get_logger(__name__)


async def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT: stop reading, answer what is in flight, leave the group, close the links."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    metrics = Metrics()
    async with _storage(config, metrics) as files:
        await _serve(config, metrics, files, stopping)


async def _serve(config: Config, metrics: Metrics, files: storage.Storage, stopping: asyncio.Event) -> None:
    consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    bus = Bus(redis_url.parse(config.redis_url), consumer)
    records = Records(bus, _limits(config))
    service = _service(config, records, files, bus)
    signer = Signer(bus, service.handle, metrics, Bounds(claim_seconds=config.claim_seconds))
    is_set_up = asyncio.Event()

    def is_ready() -> bool:
        """Redis answers, no drain, and the bucket if it was to be made; storage that fails later fails requests."""
        return is_set_up.is_set() and not stopping.is_set() and signer.silent_seconds < READY_SECONDS

    background = TaskSet()
    async with ops.serve(config.host, config.metrics_port, is_ready, metrics.exposition) as port:
        background.start(Sweep(bus, records, files, metrics, consumer).run(config.sweep_seconds), "sweep")
        background.start(_watch(metrics, is_ready), "watch")
        if config.s3_setup:
            background.start(_keep_set_up(files, list(config.allowed_origins), is_set_up), "set-up")
        else:
            is_set_up.set()
        _log.info("media signer runs", consumer=consumer, metrics_port=port, bucket=config.s3_bucket)
        await signer.run(stopping)
        await background.cancel()
        done = await signer.finish(config.drain_seconds)
        with suppress(RoomcastError):
            await bus.leave()
        _log.info("media signer ends", all_answered=done)


def _storage(config: Config, metrics: Metrics) -> storage.Connecting:
    secret = config.secret_key.get_secret_value() if config.secret_key else None
    session = config.session_token.get_secret_value() if config.session_token else None
    return storage.connect(
        storage.Location(
            config.s3_bucket, config.s3_endpoint, config.s3_public_endpoint, config.s3_region, config.s3_addressing
        ),
        storage.Credentials(config.access_key, secret, session),
        config.upload_method,
        metrics,
    )


def _limits(config: Config) -> Limits:
    retention_seconds = int(config.retention_days * 86_400) + SEND_SECONDS
    return Limits(
        config.open_uploads, config.daily_bytes, config.upload_seconds, config.grace_seconds, retention_seconds
    )


def _service(config: Config, records: Records, files: storage.Storage, bus: Bus) -> Service:
    rules = Policy(frozenset(config.types), config.max_bytes, config.max_pixels)
    settings = Settings(config.upload_seconds, config.download_seconds)
    return Service(records, files, rules, settings, bus, lambda: secrets.token_urlsafe(16))


async def _keep_set_up(files: storage.Storage, origins: list[str], is_set_up: asyncio.Event) -> None:
    """Set the bucket up as soon as the storage answers, and again now and then: a development storage may forget."""
    while True:
        try:
            await files.set_up(origins)
            is_set_up.set()
            await asyncio.sleep(SET_UP_SECONDS)
        except RoomcastError as error:
            _log.warning("the bucket is not set up yet", reason=error.detail)
            await asyncio.sleep(1.0)


async def _watch(metrics: Metrics, is_ready: Callable[[], bool]) -> None:
    """Measure readiness and the lateness of the loop, twice a second."""
    while True:
        due = time.monotonic() + 0.5
        await asyncio.sleep(0.5)
        metrics.loop_lag(max(0.0, time.monotonic() - due))
        metrics.ready(is_ready())
