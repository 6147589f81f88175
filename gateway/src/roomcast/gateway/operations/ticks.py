"""The interface of the ticker that all once-a-second loops of a gateway share."""

from __future__ import annotations

from typing import Protocol


class Ticks(Protocol):
    """See `roomcast.adapter.ticker.Ticker`."""

    async def wait(self) -> None:
        """Wait until the next tick."""
        ...
