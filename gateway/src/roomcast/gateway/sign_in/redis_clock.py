"""Redis's clock, which all gateways share instead of the clocks of their machines."""

from __future__ import annotations

import time
from collections.abc import Callable


class RedisClock:
    """Redis's time at the last read, advanced by the monotonic clock. Before the first read: the machine's wall clock.

    If gateways used the wall clocks of their machines, a wrong clock could let a gateway refuse valid tokens or accept
    expired tokens.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic = monotonic
        self._wall = wall
        self._offset: float | None = None

    def set_to(self, now_ms: int) -> None:
        """Set the clock to Redis's present time, in milliseconds since the Unix epoch."""
        self._offset = now_ms / 1000 - self._monotonic()

    @property
    def is_set(self) -> bool:
        """Return whether Redis's clock has been read since the start."""
        return self._offset is not None

    def now(self) -> float:
        """Return unix seconds, by Redis's clock once it has been read."""
        return self._wall() if self._offset is None else self._monotonic() + self._offset
