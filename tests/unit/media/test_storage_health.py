"""The health of the storage after each probe."""

from __future__ import annotations

import asyncio

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.media import storage_health
from roomcast.media.storage import RefusedError
from roomcast.media.storage_health import StorageHealth
from roomcast.wire.tasks import TaskSet
from tests.unit.media.fakes import Counts
from tests.waiting import until

AWAY = RoomcastError(Code.MEDIA_UNAVAILABLE, "storage: probe: ConnectTimeoutError")
WRONG = RefusedError("storage: probe: SignatureDoesNotMatch")


class Steps:
    """The results of the probes, in order. A probe raises its answer, or succeeds if the answer is None."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.calls: list[str] = []

    def _next(self) -> None:
        if (answer := self.answers.pop(0) if self.answers else None) is not None:
            raise answer

    async def probe(self) -> None:
        self.calls.append("probe")
        self._next()

    async def set_up(self) -> None:
        self.calls.append("set_up")
        self._next()


async def test_the_health_follows_each_probe() -> None:
    steps, counts = Steps(None, WRONG, AWAY, None), Counts()
    health = StorageHealth(steps.probe, None, counts)
    assert (health.is_up, health.refusal) == (False, None)
    seen = []
    for _ in range(4):
        await health.check()
        seen.append((health.is_up, health.refusal))
    assert seen == [(True, None), (False, WRONG), (False, None), (True, None)]
    assert counts.events == [("storage_up", is_up) for is_up in (True, False, False, True)]


async def test_the_bucket_is_set_up_at_the_start_and_again_after_a_failure() -> None:
    steps = Steps(AWAY, None, None, AWAY, None)
    health = StorageHealth(steps.probe, steps.set_up, Counts())
    for _ in range(5):
        await health.check()
    assert steps.calls == ["set_up", "set_up", "probe", "probe", "set_up"]


async def test_a_storage_that_hangs_counts_as_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_health, "PROBE_TIMEOUT_SECONDS", 0.01)
    answers = asyncio.Event()
    answers.set()

    async def probe() -> None:
        await answers.wait()

    health = StorageHealth(probe, None, Counts())
    await health.check()
    assert health.is_up
    answers.clear()
    await health.check()
    assert (health.is_up, health.refusal) == (False, None)


async def test_the_storage_is_probed_repeatedly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_health, "RETRY_SECONDS", 0.001)
    steps, tasks = Steps(AWAY, WRONG), TaskSet()
    health = StorageHealth(steps.probe, None, Counts(), probe_seconds=0.001)
    tasks.start(health.run(), "health")
    await until(lambda: len(steps.calls) >= 4, "four probes")
    await tasks.cancel()
    assert health.is_up
