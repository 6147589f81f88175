"""Warn once, at the start, about a Redis that is too old or evicts keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from roomcast.wire.redis_info import RedisInfo

RETRY_SECONDS: Final = 1.0
_log = structlog.get_logger(__name__)
Fields = Mapping[str, Any]


def read_fields(found: Fields) -> RedisInfo:
    """Return the parts of redis-py's INFO that Roomcast reads. For a cluster, use only the first server's INFO."""
    fields: Fields = next((part for part in found.values() if isinstance(part, Mapping) and "role" in part), found)
    return RedisInfo(*(str(fields.get(name, "")) for name in ("run_id", "redis_version", "role", "maxmemory_policy")))


async def report(ask: Callable[[], Awaitable[Fields]], trouble: type[Exception]) -> None:
    """Log a warning for each fault of the server. `ask` returns INFO, and is called again while it raises `trouble`."""
    while True:
        try:
            info = read_fields(await ask())
            break
        except trouble:
            await asyncio.sleep(RETRY_SECONDS)
    for text in info.warnings:
        _log.warning(text)
