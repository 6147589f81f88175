"""Gateways that die."""

from __future__ import annotations

import asyncio

from loadtest.chaos.crowd import clock
from loadtest.chaos.rig import Rig


async def kill_gateway(rig: Rig) -> None:
    """kill -9 of one gateway: its clients go to others, the others notice nothing."""
    name = rig.random.choice(rig.gateways)
    victims = rig.crowd.on_nodes([name.removeprefix("gateway")])
    others = [person for person in rig.crowd.people if person not in set(victims)]
    died = await rig.kill(name)
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    rig.report_back(victims, died)
    rig.report_p99(others, died, min(clock(), died + 15.0))
    await rig.wait_ready(name)


async def kill_gateway_and_redis(rig: Rig) -> None:
    """A gateway and Redis at once; Redis comes back with its append-only file."""
    name = rig.random.choice(rig.gateways)
    victims = rig.crowd.on_nodes([name.removeprefix("gateway")])
    async with rig.redis_crashed() as died:
        await rig.kill(name)
        await asyncio.sleep(rig.span.held)
    healed = await rig.redis.wait_answers(15.0)
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    rig.report_answers(died, healed)
    rig.report_resumed(healed)
    rig.report_back(victims, died, healed)
    await rig.wait_ready()
