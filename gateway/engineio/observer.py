"""What the engine announces about itself. Logic announces, observers count (the metrics live elsewhere)."""

from __future__ import annotations

from typing import Protocol


class Observer(Protocol):
    """Told of what happened, synchronously; it must neither block nor raise."""

    def opened(self, transport: str) -> None:
        """A session was opened on `polling` or `websocket`."""

    def upgraded(self) -> None:
        """A polling session went over to WebSocket."""

    def closed(self, transport: str, reason: str) -> None:
        """A session ended."""

    def refused(self, status: int, reason: str) -> None:
        """A request was refused with this HTTP status."""

    def received(self, packets: int, size: int) -> None:
        """Packets came from one client, `size` bytes in all."""

    def sent(self, writes: int, packets: int, size: int) -> None:
        """So many writes (or polling answers) carried so many packets, `size` bytes in all."""

    def cut_slow(self, waiting: int) -> None:
        """A client that reads too slowly was cut, with this many bytes waiting for it."""


class NoObserver:
    """Counts nothing."""

    def opened(self, transport: str) -> None: ...

    def upgraded(self) -> None: ...

    def closed(self, transport: str, reason: str) -> None: ...

    def refused(self, status: int, reason: str) -> None: ...

    def received(self, packets: int, size: int) -> None: ...

    def sent(self, writes: int, packets: int, size: int) -> None: ...

    def cut_slow(self, waiting: int) -> None: ...
