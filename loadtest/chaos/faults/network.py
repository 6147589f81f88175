"""Network faults between gateways and Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loadtest.chaos.crowd import clock
from loadtest.chaos.fault_tools import Rig
from loadtest.chaos.proxy import Proxy

_ONE_WAY_SECONDS = (0.025, 0.075)
_ASIDE = 3
"""Redis moves to its port plus this number, and the proxy listens on the old port."""


@asynccontextmanager
async def redis_behind_proxy(rig: Rig) -> AsyncIterator[Proxy]:
    """Route the cluster's Redis connections through the proxy until the context ends. `rig.redis` stays direct."""
    port = rig.cluster.ports.redis
    proxy = Proxy(port + _ASIDE)
    await rig.redis.move(port + _ASIDE)
    try:
        await proxy.listen(port)
        await _reconnect_all(rig)
        yield proxy
    finally:
        await proxy.close()
        await rig.redis.move(port)
        await rig.wait_ready()
        await rig.settle()


async def _reconnect_all(rig: Rig) -> None:
    for account in ("gateway", "presence", "media"):
        await rig.redis.call("CLIENT", "KILL", "USER", account)
    await rig.wait_ready()
    await rig.settle()


async def slow_redis(rig: Rig) -> None:
    """Delay every round trip to Redis by 100 ± 50 ms."""
    async with redis_behind_proxy(rig) as proxy:
        proxy.delay = lambda: rig.random.uniform(*_ONE_WAY_SECONDS)
        await asyncio.sleep(2.0)
        begun = clock()
        await asyncio.sleep(rig.span.held)
        ended = clock()
        proxy.delay = None
        await asyncio.sleep(1.0)
        rig.report_kept(begun)
    people = {person.name for person in rig.crowd.people}
    base = rig.p99(*rig.steady, people)
    rig.figure("delivery p99 before the fault", base, None, "ms")
    rig.figure(
        "delivery p99 with slow Redis", rig.p99(begun, ended, people), base + 3 * 2000 * _ONE_WAY_SECONDS[1], "ms"
    )


async def deaf_gateway(rig: Rig) -> None:
    """Make one gateway deaf: its commands work, but its open pub/sub connection receives nothing."""
    name = rig.random.choice(rig.gateways)
    async with redis_behind_proxy(rig) as proxy, rig.watching_readiness(name) as watch:
        link = f"roomcast-{name.replace('gateway', 'gateway-')}-pubsub".encode()
        begun = clock()
        rig.figure("subscriptions made deaf", proxy.deafen(link), 1, "", at_least=True)
        await asyncio.sleep(rig.span.held)
        rig.figure("gateway unready after", watch.unready_after(begun), 5.0)
        rig.figure("gateway ready again after", watch.ready_after(begun + watch.unready_after(begun)), None)
