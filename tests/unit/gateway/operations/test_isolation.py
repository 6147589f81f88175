"""A gateway that was cut from Redis for too long is isolated until it has read revocations."""

from __future__ import annotations

import asyncio

import pytest

from roomcast.gateway.operations.isolation import CutWatch, Isolation
from tests.clock import Clock
from tests.waiting import until

LONGEST = 5.0


@pytest.mark.parametrize(
    ("checks", "is_long"),
    [
        ([(1.0, True, 0.0), (2.0, False, 0.0), (5.9, False, 0.0)], False),
        ([(1.0, True, 0.0), (2.0, False, 0.0), (6.0, False, 0.0)], True),
        ([(1.0, True, 0.0), (5.0, True, 0.0), (9.0, True, 0.0)], False),
        ([(1.0, True, 0.0), (6.0, True, 0.0)], True),  # no check ran for 5 s: the connection may have been down
        ([(7.0, True, 0.0), (8.0, True, 4.9)], False),
        ([(4.0, True, 0.0), (8.0, True, 5.0)], True),  # the subscription is deaf
        ([(6.0, False, 0.0), (7.0, True, 0.0), (8.0, True, 0.0)], False),
    ],
)
def test_a_cut_of_at_least_five_seconds_counts_as_long(checks: list[tuple[float, bool, float]], is_long: bool) -> None:
    watch = CutWatch(LONGEST, 0.0)
    results = [watch.is_long(now, is_up=is_up, silent_seconds=silent) for now, is_up, silent in checks]
    assert results[-1] is is_long


class Rig:
    """The state of the connection to Redis, and the steps of the gateway in order."""

    def __init__(self) -> None:
        self.clock = Clock(100.0)
        self.up, self.silent = True, 0.0
        self.steps: list[str] = []
        self.rechecking = asyncio.Event()
        self.isolation = Isolation(
            self,
            LONGEST,
            hold=lambda: self.steps.append("hold"),
            recheck=self._recheck,
            release=lambda: self.steps.append("release"),
            clock=self.clock,
        )

    def is_up(self) -> bool:
        return self.up

    def silent_seconds(self) -> float:
        return self.silent

    async def wait(self) -> None:
        self.clock.now += 1.0
        await asyncio.sleep(0)

    async def _recheck(self) -> None:
        self.steps.append("recheck")
        await self.rechecking.wait()


async def test_an_isolated_gateway_holds_deliveries_rechecks_sessions_and_releases_deliveries_once() -> None:
    rig = Rig()
    running = asyncio.ensure_future(rig.isolation.run(rig))
    rig.up = False
    await until(lambda: rig.isolation.is_isolated, "isolated")
    assert rig.steps == ["hold"]
    rig.up = True
    rig.isolation.note_return()
    await until(lambda: rig.steps == ["hold", "recheck"], "the gateway reads revocations")
    assert rig.isolation.is_isolated
    rig.rechecking.set()
    await until(lambda: not rig.isolation.is_isolated, "the isolation has ended")
    for _ in range(20):
        await asyncio.sleep(0)
    assert rig.steps == ["hold", "recheck", "release"]
    running.cancel()


async def test_after_a_cut_during_the_recheck_the_gateway_rechecks_again() -> None:
    rig = Rig()
    running = asyncio.ensure_future(rig.isolation.run(rig))
    rig.up = False
    await until(lambda: rig.isolation.is_isolated, "isolated")
    rig.up = True
    rig.isolation.note_return()
    await until(lambda: "recheck" in rig.steps, "the gateway reads revocations")
    rig.up = False
    rig.rechecking.set()
    for _ in range(20):
        await asyncio.sleep(0)
    assert rig.steps == ["hold", "recheck"]
    rig.up = True
    rig.isolation.note_return()
    await until(lambda: rig.steps == ["hold", "recheck", "recheck", "release"], "the gateway reads revocations again")
    running.cancel()
