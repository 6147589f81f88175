"""Give memory back to the system after most connections have ended.

The garbage collector rarely looks at old objects (see `roomcast.gateway.__main__`), and the allocator keeps freed
pages. Both are right while connections come and go, but waste memory for hours after a storm. Collecting takes time in
proportion to the live objects, so the gateway collects when most connections have ended.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from roomcast.engineio.malloc_trim import give_back
from roomcast.gateway.operations.ticks import Ticks

QUIET_SECONDS: Final = 5
_CROWD: Final = 50
"""Connections at the peak below which a collection is not worth its time."""
_GONE: Final = 0.5


class CrowdWatch:
    """Detects that a crowd has gone: half of the peak connections ended, and none for QUIET_SECONDS. Pure."""

    def __init__(self) -> None:
        self._peak = 0
        self._before = 0
        self._quiet_seconds = 0

    def is_gone(self, connections: int) -> bool:
        """Return True once for each crowd; call it every second with the present number of connections."""
        self._peak = max(self._peak, connections)
        self._quiet_seconds = 0 if connections < self._before else self._quiet_seconds + 1
        self._before = connections
        if self._peak < _CROWD or connections > self._peak * _GONE or self._quiet_seconds < QUIET_SECONDS:
            return False
        self._peak = connections
        return True


async def watch_crowds(count_connections: Callable[[], int], ticks: Ticks) -> None:
    """Watch for crowds that have gone, until cancelled."""
    crowd = CrowdWatch()
    while True:
        await ticks.wait()
        if crowd.is_gone(count_connections()):
            gc.collect()
            give_back()
