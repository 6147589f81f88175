"""The time that counts: Redis's, which all gateways share, whatever a machine's own clock says."""

from __future__ import annotations

import time
from collections.abc import Callable


class ServerClock:
    """Redis's clock as it was last read, carried on by the monotonic clock; this machine's own until then.

    A gateway whose wall clock is an hour off would otherwise refuse good tokens, or welcome expired ones.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._offset: float | None = None

    def read(self, now_ms: int) -> None:
        """Take Redis's present time, in milliseconds since 1970."""
        self._offset = now_ms / 1000 - self._monotonic()

    @property
    def is_read(self) -> bool:
        """Tell whether Redis's clock was read since the start."""
        return self._offset is not None

    def now(self) -> float:
        """Return the seconds since 1970, by Redis's clock once it was read."""
        return self._wall() if self._offset is None else self._monotonic() + self._offset
