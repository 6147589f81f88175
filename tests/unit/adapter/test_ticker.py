"""The ticker: all waiters share one wake-up a second."""

import asyncio

import pytest

from roomcast.adapter.ticker import Ticker, next_tick


@pytest.mark.parametrize(("now", "due"), [(10.0, 10.3), (10.2, 10.3), (10.31, 11.3), (10.9, 11.3)])
def test_ticks_are_a_second_apart_at_the_offset_of_the_process(now: float, due: float) -> None:
    assert next_tick(now, 0.3) == pytest.approx(due)


def test_a_timer_that_fires_early_does_not_wait_for_the_same_tick_again() -> None:
    assert next_tick(10.2995, 0.3) == pytest.approx(11.3)


async def test_the_fifth_tick_is_due_four_seconds_after_the_first() -> None:
    beat = Ticker(0.7)
    one, five = beat.due(), beat.due(5)
    assert five - one == pytest.approx(4.0)


async def test_wait_returns_at_the_tick() -> None:
    beat, loop = Ticker(0.2), asyncio.get_running_loop()
    due = beat.due()
    await beat.wait()
    assert loop.time() >= due - 0.05
