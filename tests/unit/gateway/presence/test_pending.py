"""Waiting until something is known of a session."""

from __future__ import annotations

import asyncio

from roomcast.gateway.presence.pending import PendingSessions


async def test_of_a_session_that_was_never_added_all_is_known() -> None:
    assert await PendingSessions(60).known("a")


async def test_all_who_wait_hear_of_it() -> None:
    waits = PendingSessions(60)
    waits.add("a")
    asked = [asyncio.ensure_future(waits.known("a")) for _ in range(2)]
    await asyncio.sleep(0)
    waits.settle(["a", "b"])

    assert await asyncio.gather(*asked) == [True, True]
    assert await waits.known("a")


async def test_nobody_waits_for_ever_and_one_who_is_late_holds_up_nobody() -> None:
    waits = PendingSessions(0.02)
    waits.add("a")
    waits.add("b")
    late = asyncio.ensure_future(waits.known("a"))
    served = asyncio.ensure_future(waits.known("b"))
    await asyncio.sleep(0)
    waits.settle(["b"])

    assert await served
    assert not await late
    assert not await waits.known("a")


async def test_one_who_stops_waiting_takes_nobody_along() -> None:
    waits = PendingSessions(60)
    waits.add("a")
    first, second = (asyncio.ensure_future(waits.known("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    waits.settle(["a"])

    assert await second
