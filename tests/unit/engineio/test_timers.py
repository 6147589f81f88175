"""The timer of a server calls each item when it is due. After a stall it first lets the event loop read the sockets."""

from __future__ import annotations

import asyncio
from math import inf

from roomcast.engineio.timers import Timers


class Item:
    """An item that is due at each of the given times, in order."""

    def __init__(self, *moments: float) -> None:
        self.slot = -1
        self.moments = [*moments, inf]
        self.calls: list[float] = []

    @property
    def due(self) -> float:
        return self.moments[0]

    def on_time(self, now: float) -> None:
        if now >= self.moments[0]:
            self.calls.append(now)
            del self.moments[0]


async def _until_called(items: list[Item], count: int) -> None:
    async with asyncio.timeout(5):
        while sum(len(item.calls) for item in items) < count:
            await asyncio.sleep(0.001)


async def test_an_item_is_called_each_time_it_is_due() -> None:
    clock = asyncio.get_running_loop().time
    start = clock()
    timers = Timers(clock, 0.005)
    items = [Item(start + 0.03, start + 0.06), Item(start + 0.02), Item()]
    for item in items:
        timers.watch(item)
    await _until_called(items, 3)
    assert [call >= start + due for call, due in zip(items[0].calls, (0.03, 0.06), strict=True)] == [True, True]
    assert items[1].calls[0] >= start + 0.02
    assert items[2].calls == []
    timers.stop()


async def test_a_second_watch_applies_an_earlier_due_time() -> None:
    clock = asyncio.get_running_loop().time
    timers = Timers(clock, 0.005)
    item = Item(clock() + 3600)
    timers.watch(item)
    item.moments[0] = clock() + 0.02
    timers.watch(item)
    await _until_called([item], 1)
    timers.stop()


async def test_thousands_of_items_due_at_once_are_all_called() -> None:
    clock = asyncio.get_running_loop().time
    timers = Timers(clock, 0.005)
    items = [Item(clock() + 0.01) for _ in range(3000)]
    for item in items:
        timers.watch(item)
    await _until_called(items, 3000)
    timers.stop()


async def test_after_a_stall_sockets_are_read_for_a_quarter_of_a_second_before_items_are_called() -> None:
    now, clock = 0.0, asyncio.get_running_loop().time
    started = clock()
    timers = Timers(lambda: now, 0.005)
    item = Item(0.01)
    timers.watch(item)
    now = 60.0  # the process was stopped for a minute
    await _until_called([item], 1)
    assert clock() - started >= 0.25
    timers.stop()
