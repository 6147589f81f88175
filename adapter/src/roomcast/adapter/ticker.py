"""The ticks of one process: all work that is due every second runs at the same moment.

Waking a sleeping process costs more CPU than the work itself: about 200 µs for 10 µs of work, on a machine with sixteen
gateways. So loops that run once a second share one wake-up, and their commands to Redis share one write. Each process
has its own random phase, so that the processes of a cluster do not all send their commands at the same moment.
"""

from __future__ import annotations

import asyncio
from math import ceil
from typing import Final

_TOO_CLOSE_SECONDS: Final = 0.05
"""A tick that is less than this many seconds away counts as past, because timers may fire a little early."""


def next_tick(now: float, phase: float) -> float:
    """Return the first tick (whole second plus `phase`) after `now`."""
    return ceil(now + _TOO_CLOSE_SECONDS - phase) + phase


class Ticker:
    """One tick a second, on the loop's clock. `phase`: 0 to 1 seconds, random."""

    def __init__(self, phase: float) -> None:
        self._phase = phase

    def due(self, count: int = 1) -> float:
        """Return the event loop's time of the `count`th tick from now; 1 is the next tick."""
        return next_tick(asyncio.get_running_loop().time(), self._phase) + count - 1

    async def wait(self) -> None:
        """Wait until the next tick."""
        await asyncio.sleep(self.due() - asyncio.get_running_loop().time())
