"""The one timer of a server, which calls the due items of a timer wheel on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Protocol

from roomcast.engineio.timer_wheel import Wheel

_SLICE = 500
"""The most entries handled per turn of the event loop. After a mass reconnect many pings are due together."""
_STALL_SECONDS = 1.0
"""Seconds of lag above which the timer assumes that the process was stopped."""
_CATCH_UP_SECONDS = 0.25
"""Seconds after such a stop in which the sockets are read, before the due items are called."""


class Timed(Protocol):
    """An item of the wheel. `slot` is the number of its slot; -1 while the item is not in the wheel."""

    slot: int

    @property
    def due(self) -> float:
        """The time at which the item is due, by the clock of `Timers`."""
        ...

    def on_time(self, now: float) -> None:
        """Act if `now` is past `due`. The timers may call this before `due`."""


class Timers:
    """Calls the method `on_time` of items that are due."""

    def __init__(self, clock: Callable[[], float], tick_seconds: float) -> None:
        self._clock = clock
        self._wheel: Wheel[Timed] = Wheel(tick_seconds)
        self._handle: asyncio.TimerHandle | None = None
        self._planned = inf
        self._is_catching_up = False

    def watch(self, item: Timed) -> None:
        """Put `item` into the slot of its `due`, unless it is in an earlier slot already."""
        due = item.due
        if due == inf or (item.slot >= 0 and self._wheel.slot_of(due) >= item.slot):
            return
        item.slot = self._wheel.add(item, due)
        self._arm()

    def stop(self) -> None:
        """Cancel the timer."""
        if self._handle is not None:
            self._handle.cancel()
        self._handle, self._planned = None, inf

    def _arm(self) -> None:
        due = self._wheel.next_due()
        if due is not None and due < self._planned:
            self.stop()
            self._planned = due
            delay = max(0.0, due - self._clock())
            self._handle = asyncio.get_running_loop().call_later(delay, self._run)

    def _run(self) -> None:
        now = self._clock()
        lag, self._planned = now - self._planned, inf
        if lag > _STALL_SECONDS and not self._is_catching_up:
            # The process was stopped, so pongs may wait unread in the sockets: read them before a session times out.
            self._is_catching_up = True
            self._planned = now
            self._handle = asyncio.get_running_loop().call_later(_CATCH_UP_SECONDS, self._run)
            return
        self._is_catching_up = False
        for slot, item in self._wheel.pop_due(now, _SLICE):
            if item.slot != slot:
                continue
            item.slot = -1
            item.on_time(now)
            self.watch(item)
        self._arm()
