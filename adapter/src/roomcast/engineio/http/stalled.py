"""Cut connections whose clients do not read the answers to their HTTP requests.

aiohttp waits without end until a client has read an answer. So a client could leave any number of large answers in the
memory of the server, each on a connection of its own. WebSockets have bounds of their own and are not watched.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

STALLED_SECONDS: Final = 45.0
"""Time after which a connection on which unsent bytes wait at every look is cut: as long as a session lasts that does
not answer a ping, with the defaults."""
MAX_STALLED_BYTES: Final = 33_554_432
"""Unsent bytes of all connections, above which those that have waited longest are cut."""


class _Watched(NamedTuple):
    """The protocol of a connection, and since when unsent bytes wait at every look; 0: none waited at the last one."""

    protocol: asyncio.BaseProtocol
    since: float


class StalledConnections:
    """The connections that aiohttp serves."""

    def __init__(self) -> None:
        self._watched: dict[asyncio.Transport, _Watched] = {}

    def __bool__(self) -> bool:
        return bool(self._watched)

    def add(self, transport: asyncio.Transport, protocol: asyncio.BaseProtocol) -> None:
        """Watch a connection until it ends, or until it gets another protocol, as a WebSocket does."""
        self._watched[transport] = _Watched(protocol, 0.0)

    def look(self, now: float) -> None:
        """Cut what waits too long, and what waits longest if too much waits. Call this once a second."""
        waiting: list[tuple[float, asyncio.Transport, int]] = []
        for transport, (protocol, since) in list(self._watched.items()):
            size = transport.get_write_buffer_size()
            if transport.get_protocol() is not protocol or (transport.is_closing() and not size):
                del self._watched[transport]
            elif size:
                waiting.append((since or now, transport, size))
                self._watched[transport] = _Watched(protocol, since or now)
            elif since:
                self._watched[transport] = _Watched(protocol, 0.0)
        waiting.sort(key=lambda row: row[0])
        total = sum(size for _, _, size in waiting)
        for since, transport, size in waiting:
            if now - since < STALLED_SECONDS and (total <= MAX_STALLED_BYTES or since == now):
                break
            total -= size
            del self._watched[transport]
            transport.abort()
