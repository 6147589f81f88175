"""A connected backplane, for tests of the code that uses one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.contract.lua import SCRIPTS

Hear = Callable[[bytes, bytes], None]


@asynccontextmanager
async def running_backplane(url: str, name: str = "test", hear: Hear | None = None) -> AsyncIterator[Backplane]:
    """Run a backplane; it calls `hear(channel, data)` for each packet on its subscriptions."""
    backplane = make_backplane(url, name=name, scripts=SCRIPTS, timeout_seconds=5.0)  # for slow machines
    backplane.start(hear)
    try:
        await backplane.wait_up()
        yield backplane
    finally:
        await backplane.close()
