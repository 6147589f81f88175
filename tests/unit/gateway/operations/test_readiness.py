"""A gateway ends if its subscriptions stay deaf for ten seconds."""

from __future__ import annotations

import asyncio

from roomcast.gateway.operations.readiness import watch_subscriptions
from tests.waiting import until


class Subscriptions:
    """Subscriptions that have been deaf for the given seconds at each check. The last value repeats."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = list(seconds)

    def deaf_seconds(self, now: float) -> float:
        return self.seconds.pop(0) if len(self.seconds) > 1 else self.seconds[0]


class Ticks:
    def __init__(self) -> None:
        self.count = 0

    async def wait(self) -> None:
        self.count += 1
        await asyncio.sleep(0)


async def test_a_gateway_ends_when_its_subscriptions_are_deaf_for_ten_seconds() -> None:
    ticks, given_up = Ticks(), asyncio.Event()
    await watch_subscriptions(Subscriptions(0.0, 4.0, 0.0, 9.9, 10.0), ticks, given_up.set)
    assert (given_up.is_set(), ticks.count) == (True, 4)


async def test_a_gateway_whose_subscriptions_receive_keeps_running() -> None:
    ticks, given_up = Ticks(), asyncio.Event()
    task = asyncio.get_running_loop().create_task(watch_subscriptions(Subscriptions(9.9), ticks, given_up.set))
    await until(lambda: ticks.count > 5, "many checks")
    assert (task.done(), given_up.is_set()) == (False, False)
    task.cancel()
