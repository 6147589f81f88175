"""Compose a signer from its parts, run it, and shut it down in order."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from contextlib import suppress
from functools import partial

import structlog

from roomcast.contract.errors import RoomcastError
from roomcast.media import storage
from roomcast.media.bucket import Bucket
from roomcast.media.bus import Bus
from roomcast.media.config import Config
from roomcast.media.file_types import FILE_TYPES
from roomcast.media.metrics import Metrics
from roomcast.media.policy import Policy
from roomcast.media.records import Limits, Records
from roomcast.media.service import Service, Settings
from roomcast.media.signer import Signer
from roomcast.media.storage_health import StorageHealth
from roomcast.media.sweep import Sweep
from roomcast.process import health_server, redis_faults
from roomcast.wire import redis_url
from roomcast.wire.seals import Seals
from roomcast.wire.tasks import TaskSet

READY_SECONDS = 2.0
OPEN_UPLOADS = 20
"""The most unfinished uploads of one user, which limits the reserved bytes. A browser uploads fewer files at once."""

SEND_SECONDS = 86_400
"""Seconds within which a verified upload may be sent in a message. The signers keep its record for this time and the
retention time of messages, so that the record outlives the message."""
_log = structlog.get_logger(__name__)


async def run(config: Config) -> None:
    """Serve until SIGTERM or SIGINT. Then stop reading, answer open requests, leave the consumer group, and close.

    A background task that ends with an error is restarted.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    metrics = Metrics()
    location = storage.Location(
        config.s3_bucket, config.s3_endpoint, config.s3_public_endpoint, config.s3_region, config.s3_addressing
    )
    async with storage.connect(location, config.upload_method, metrics) as files:
        await _serve(config, metrics, files, stopping)


async def _serve(config: Config, metrics: Metrics, files: storage.Storage, stopping: asyncio.Event) -> None:
    consumer = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    bus = Bus(redis_url.parse(config.redis_url), consumer, seals=Seals(config.cluster_keys))
    records = Records(bus, _limits(config))
    set_up = Bucket(files, list(config.allowed_origins)).set_up if config.s3_setup else None
    health = StorageHealth(files.probe, set_up, metrics)
    signer = Signer(bus, _service(config, records, files, bus, health).handle, metrics)

    def is_ready() -> bool:
        """Return whether Redis answers, the storage accepts signed requests, and the process is not draining."""
        return health.is_up and not stopping.is_set() and signer.silent_seconds < READY_SECONDS

    background = TaskSet()
    async with health_server.serve(
        config.ops_host, config.metrics_port, is_ready, metrics.exposition, config.tls
    ) as port:
        sweep = Sweep(bus, records, files, metrics, consumer)
        background.supervise(partial(sweep.run, config.sweep_seconds), "sweep")
        background.supervise(health.run, "storage health")
        background.start(redis_faults.report(bus.info, RoomcastError), "faults of Redis")
        background.supervise(partial(metrics.watch, is_ready), "watch")
        _log.info("media signer runs", consumer=consumer, metrics_port=port, bucket=config.s3_bucket)
        await background.supervise(partial(signer.run, stopping), "requests")
        await background.cancel()
        done = await signer.finish(config.drain_seconds)
        with suppress(RoomcastError):
            await bus.leave()
        _log.info("media signer ends", all_answered=done)


def _limits(config: Config) -> Limits:
    retention_seconds = int(config.retention_days * 86_400) + SEND_SECONDS
    return Limits(OPEN_UPLOADS, config.daily_bytes, config.upload_seconds, config.grace_seconds, retention_seconds)


def _service(config: Config, records: Records, files: storage.Storage, bus: Bus, health: StorageHealth) -> Service:
    rules = Policy(frozenset(config.types or FILE_TYPES), config.max_bytes)
    settings = Settings(config.upload_seconds, config.download_seconds)
    return Service(records, files, rules, settings, bus, partial(secrets.token_urlsafe, 16), lambda: health.refusal)
