"""The interface through which the engine reports events for metrics. An observer counts them."""

from __future__ import annotations

from typing import Protocol

from roomcast.engineio.write_buffer import Traffic


class Observer(Protocol):
    """Gets the engine's events, synchronously; it must neither block nor raise."""

    @property
    def traffic(self) -> Traffic:
        """Counters that the engine increments directly: a call for each packet would be too slow."""

    def opened(self, transport: str) -> None:
        """Report a session that was opened on `polling` or `websocket`."""

    def upgraded(self) -> None:
        """Report a polling session that was upgraded to WebSocket."""

    def closed(self, transport: str, reason: str) -> None:
        """Report the end of a session."""

    def refused(self, status: int, reason: str) -> None:
        """Report a request that was refused with this HTTP status."""

    def cut_slow(self, waiting: int) -> None:
        """Report a client that was disconnected because it reads too slowly. `waiting`: its unsent bytes."""


class NoObserver:
    """Counts only the traffic."""

    def __init__(self) -> None:
        self.traffic = Traffic()

    def opened(self, transport: str) -> None:
        """Ignore a session that was opened."""
        ...

    def upgraded(self) -> None:
        """Ignore an upgrade."""
        ...

    def closed(self, transport: str, reason: str) -> None:
        """Ignore the end of a session."""
        ...

    def refused(self, status: int, reason: str) -> None:
        """Ignore a refusal."""
        ...

    def cut_slow(self, waiting: int) -> None:
        """Ignore a slow client that was disconnected."""
        ...
