"""Callers wait until the presence of a session is written to Redis."""

from __future__ import annotations

import asyncio

from roomcast.gateway.presence.unwritten_sessions import UnwrittenSessions


async def test_a_session_that_was_never_added_counts_as_written() -> None:
    assert await UnwrittenSessions(60).wait_written("a")


async def test_all_waiters_resume_once_the_session_is_written() -> None:
    sessions = UnwrittenSessions(60)
    sessions.add_session("a")
    waiters = [asyncio.ensure_future(sessions.wait_written("a")) for _ in range(2)]
    await asyncio.sleep(0)
    sessions.mark_written(["a", "b"])

    assert await asyncio.gather(*waiters) == [True, True]
    assert await sessions.wait_written("a")


async def test_a_wait_ends_at_its_timeout_and_does_not_delay_other_sessions() -> None:
    sessions = UnwrittenSessions(0.02)
    sessions.add_session("a")
    sessions.add_session("b")
    late = asyncio.ensure_future(sessions.wait_written("a"))
    served = asyncio.ensure_future(sessions.wait_written("b"))
    await asyncio.sleep(0)
    sessions.mark_written(["b"])

    assert await served
    assert not await late
    assert not await sessions.wait_written("a")


async def test_a_cancelled_waiter_does_not_affect_other_waiters() -> None:
    sessions = UnwrittenSessions(60)
    sessions.add_session("a")
    first, second = (asyncio.ensure_future(sessions.wait_written("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    sessions.mark_written(["a"])

    assert await second
