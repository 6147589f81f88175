"""Abort connections whose clients do not read the answers to their HTTP requests.

aiohttp waits without a limit until a client has read an answer. So a client with many connections could leave any
number of large answers in the memory of the server. WebSockets have their own limits, and are not watched here.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

STALLED_SECONDS: Final = 45.0
"""Seconds after which a connection is aborted if unsent bytes waited at each call of `look`. With the default rules, a
session that does not answer a ping ends after the same time."""
MAX_STALLED_BYTES: Final = 33_554_432
"""The most unsent bytes of all connections. Above this, the connections whose bytes wait longest are aborted."""


class _Watched(NamedTuple):
    """A watched connection. `since`: when `look` first found unsent bytes; 0 if the last `look` found none."""

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
        """Abort connections whose bytes wait too long, and more above MAX_STALLED_BYTES. Call this once a second."""
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
