"""Background tasks are cancelled, awaited and restarted."""

from __future__ import annotations

import asyncio

import pytest

from roomcast.wire import tasks
from roomcast.wire.tasks import TaskSet


async def test_a_task_that_swallows_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", 0.01)
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if swallowed == 2:
                    raise
                swallowed += 1

    running = TaskSet()
    running.start(stubborn(), "stubborn")
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await running.cancel()

    assert (swallowed, len(running)) == (2, 0)


async def test_a_task_may_clean_up_before_it_ends() -> None:
    story: list[str] = []

    async def tidy() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            story.append("tidied")

    running = TaskSet()
    running.start(tidy(), "tidy")
    await asyncio.sleep(0)
    await running.cancel()

    assert story == ["tidied"]


async def test_cancel_of_an_empty_set_returns() -> None:
    async with asyncio.timeout(5):
        await TaskSet().cancel()


async def test_a_supervised_loop_starts_again_after_an_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tasks, "FIRST_RESTART_SECONDS", 0.01)
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RuntimeError("a bug")

    async with asyncio.timeout(5):
        await TaskSet().supervise(loop, "loop")
    assert runs == 3
    assert caplog.text.count("task loop failed; it starts again") == 2
    assert "RuntimeError: a bug" in caplog.text


async def test_a_supervised_loop_can_be_cancelled_during_its_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "FIRST_RESTART_SECONDS", 60.0)
    failed = asyncio.Event()

    async def loop() -> None:
        failed.set()
        raise RuntimeError("a bug")

    running = TaskSet()
    running.supervise(loop, "loop")
    await failed.wait()
    async with asyncio.timeout(5):
        await running.cancel()
    assert len(running) == 0
