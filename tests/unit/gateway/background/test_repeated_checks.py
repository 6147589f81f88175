"""Checks are repeated until Redis answers, one at a time for each subject."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.background import repeated_checks
from roomcast.gateway.background.repeated_checks import RepeatedChecks
from roomcast.wire.tasks import TaskSet
from tests.waiting import until


class Rig:
    """Checks against a Redis that answers while `is_up`. Each check waits until the event `may_end` is set."""

    def __init__(self) -> None:
        self.tasks = TaskSet()
        self.checks = RepeatedChecks(self.tasks.start)
        self.is_up = True
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.running = self.most = self.begun = self.done = 0

    async def check(self) -> None:
        self.begun += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.may_end.wait()
            if not self.is_up:
                raise RoomcastError(Code.UNAVAILABLE)
        finally:
            self.running -= 1
        self.done += 1


@pytest_asyncio.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(repeated_checks, "RETRY_SECONDS", 0.001)
    one = Rig()
    yield one
    await one.tasks.cancel()


async def test_changes_while_redis_is_away_share_one_check(rig: Rig) -> None:
    rig.is_up = False
    for _ in range(100):
        rig.checks.start("ada", rig.check, "blocks")
        await asyncio.sleep(0)
    await until(lambda: rig.begun >= 3, "the check is repeated")
    assert (len(rig.checks), len(rig.tasks), rig.most) == (1, 1, 1)
    rig.is_up = True
    await until(lambda: not rig.checks, "Redis has answered")
    assert rig.done <= 2


async def test_changes_during_a_check_cause_one_more_check(rig: Rig) -> None:
    rig.may_end.clear()
    rig.checks.start("ada", rig.check, "blocks")
    await until(lambda: rig.running == 1, "the check runs")
    rig.checks.start("ada", rig.check, "blocks")
    rig.checks.start("ada", rig.check, "blocks")
    rig.may_end.set()
    await until(lambda: not rig.checks, "all checks are done")
    assert (rig.done, rig.most) == (2, 1)


async def test_subjects_are_checked_side_by_side(rig: Rig) -> None:
    rig.may_end.clear()
    for user in ("ada", "bob"):
        rig.checks.start(user, rig.check, "blocks")
    await until(lambda: rig.running == 2, "both checks run")
    rig.may_end.set()
    await until(lambda: not rig.checks, "all checks are done")
    assert rig.done == 2
