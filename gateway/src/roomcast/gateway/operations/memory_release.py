"""Bound the garbage in memory, and give memory back to the system after a mass disconnect, or after memory has grown.

The garbage collector rarely scans old objects (see `roomcast.gateway.__main__`), and the allocator keeps freed pages.
Both save time while connections open and close. But failed requests leave garbage with reference cycles, which an
attacker could use to fill the memory. And after a mass disconnect, the process would keep unused memory for hours.

Collecting takes time in proportion to the scanned objects. So the gateway scans all objects only when most connections
have ended. While its memory grows more than its connections explain, it scans the objects that are newer than the last
collection. Ten seconds after a growth it gives the free memory back to the system. Without this step, the allocator
would keep 100 MB after a flood of large answers.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from roomcast.engineio.malloc_trim import give_back
from roomcast.gateway.operations.ticks import Ticks
from roomcast.process.resource_usage import resident_bytes

QUIET_SECONDS: Final = 5
MAX_GROWTH_BYTES: Final = 16_777_216
"""Growth of the resident memory after which the gateway collects garbage among new objects, in at most 40 ms."""
CONNECTION_BYTES: Final = 12_288
"""Bytes that each new connection may add to the memory without counting as growth; an idle one takes 10.6 KiB."""
AFTER_GROWTH_SECONDS: Final = 10
"""Seconds from a growth until the gateway gives memory back: large answers or packets may be gone by then."""
_CROWD: Final = 50
"""Least number of connections at the peak for which a collection is worth its time."""
_GONE: Final = 0.5
_NEW: Final = 1
"""Argument of `gc.collect`: scan only the objects that are newer than the last collection."""


class CrowdWatch:
    """Detects the end of a mass disconnect: half of the peak connections are gone, and none ended for QUIET_SECONDS.

    Pure.
    """

    def __init__(self) -> None:
        self._peak = 0
        self._before = 0
        self._quiet_seconds = 0

    def is_gone(self, connections: int) -> bool:
        """Return True once per mass disconnect; call it every second with the present number of connections."""
        self._peak = max(self._peak, connections)
        self._quiet_seconds = 0 if connections < self._before else self._quiet_seconds + 1
        self._before = connections
        if self._peak < _CROWD or connections > self._peak * _GONE or self._quiet_seconds < QUIET_SECONDS:
            return False
        self._peak = connections
        return True


class GrowthWatch:
    """Detects that memory has grown by MAX_GROWTH_BYTES more than new connections explain. Pure."""

    def __init__(self, resident_bytes: int) -> None:
        self._lowest = resident_bytes
        self._before = 0
        """Connections when the memory was lowest."""
        self._peak = 0
        """The most connections since then. The allocator keeps the memory of ended connections."""
        self._quiet_seconds: int | None = None
        """Seconds since the last growth; None after its memory was given back."""

    def is_large(self, resident_bytes: int, connections: int) -> bool:
        """Return whether to collect; call it every second with the resident memory and the number of connections."""
        if resident_bytes <= self._lowest:
            self._measure_from(resident_bytes, connections)
        self._peak = max(self._peak, connections)
        explained = (self._peak - self._before) * CONNECTION_BYTES
        return resident_bytes >= self._lowest + MAX_GROWTH_BYTES + explained

    def is_over(self) -> bool:
        """Return True once per growth, AFTER_GROWTH_SECONDS after it ended; call it every second."""
        if self._quiet_seconds is None:
            return False
        self._quiet_seconds += 1
        return self._quiet_seconds >= AFTER_GROWTH_SECONDS

    def note_collected(self, resident_bytes: int, connections: int) -> None:
        """Measure the growth from now on."""
        self._measure_from(resident_bytes, connections)
        self._quiet_seconds = 0

    def note_given_back(self, resident_bytes: int, connections: int) -> None:
        """Measure the growth from now on; nothing is left to give back."""
        self._measure_from(resident_bytes, connections)
        self._quiet_seconds = None

    def _measure_from(self, resident_bytes: int, connections: int) -> None:
        self._lowest, self._before, self._peak = resident_bytes, connections, connections


async def watch_memory(count_connections: Callable[[], int], ticks: Ticks) -> None:
    """Collect garbage and give back memory after a mass disconnect and after a growth, until cancelled."""
    crowd, growth = CrowdWatch(), GrowthWatch(resident_bytes())
    while True:
        await ticks.wait()
        connections = count_connections()
        if crowd.is_gone(connections):
            gc.collect()
            give_back()
            growth.note_given_back(resident_bytes(), connections)
        elif growth.is_large(resident_bytes(), connections):
            gc.collect(_NEW)
            growth.note_collected(resident_bytes(), connections)
        elif growth.is_over():
            gc.collect(_NEW)
            give_back()
            growth.note_given_back(resident_bytes(), connections)
