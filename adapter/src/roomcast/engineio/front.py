"""The front of a listener: opens plain WebSocket sessions by itself, and gives every other connection to aiohttp.

aiohttp makes a parser, two tasks, a request, a match and a response for a connection that leaves it after one request:
more than all that the session itself costs. Here the first bytes of a connection decide. If they are a plain opening
(`opening`) that may come in, the transport goes straight to the WebSocket; else aiohttp gets it with these bytes, as
if it had had it from the start, and answers it: refusals, long polling, upgrades, other routes, and whatever is odd.
The checks are the endpoint's, the same for both ways.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from roomcast.engineio.admission import Withdraw, nothing
from roomcast.engineio.endpoint import Endpoint, Entry
from roomcast.engineio.opening import read_opening
from roomcast.engineio.refusals import Refusal

_MAX_EARLY_BYTES: Final = 16_384
SILENT_SECONDS: Final = 5.0
"""A connection that says nothing goes to aiohttp, which ends it when its own patience does."""


class FrontDoor:
    """Makes a `Front` for each new connection. `behind` makes the protocols of all that is no plain opening."""

    def __init__(
        self, endpoint: Endpoint, path: str, behind: Callable[[], asyncio.Protocol], kernel_buffer: int
    ) -> None:
        self.endpoint = endpoint
        self.path = path
        self._behind = behind
        self._kernel_buffer = kernel_buffer
        self._silent: dict[Front, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self) -> Front:
        return Front(self)

    def prepare(self, sockets: Iterable[socket.socket]) -> None:
        """Set up listening sockets; what they accept inherits it, without a system call of its own."""
        for listener in sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._kernel_buffer:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._kernel_buffer)

    def close(self) -> None:
        """Cut the connections that have not said anything yet. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for front in list(self._silent):
            front.cut()

    def came(self, front: Front) -> None:
        self._silent[front] = time.monotonic()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._look)

    def spoke(self, front: Front) -> None:
        self._silent.pop(front, None)

    def hand_on(self, transport: asyncio.Transport, data: bytes) -> None:
        """Let aiohttp have the connection, and what came on it."""
        protocol = self._behind()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if data:
            protocol.data_received(data)

    def _look(self) -> None:
        self._timer = None
        now = time.monotonic()
        for front, since in list(self._silent.items()):
            if now - since < SILENT_SECONDS:
                break  # they are in the order in which they came
            front.give_up()
        if self._silent:
            self._timer = asyncio.get_running_loop().call_later(SILENT_SECONDS, self._look)


class Front(asyncio.Protocol):
    """One connection until it is known what it wants, and until it may begin its session."""

    __slots__ = ("_door", "_early", "_entry", "_transport", "_withdraw")

    def __init__(self, door: FrontDoor) -> None:
        self._door = door
        self._transport: asyncio.Transport | None = None
        self._entry: Entry | None = None
        self._early = b""
        """What the client sent behind its request while it waited."""
        self._withdraw: Withdraw = nothing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._door.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._door.spoke(self)
        self._withdraw()

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        if self._entry is not None:
            self._wait_on(transport, data)
            return
        self._door.spoke(self)
        entry = self._read_entry(transport, data)
        if entry is None:
            self._transport = None  # what it says decides now, once
            self._door.hand_on(transport, data)
        else:
            self._entry = entry
            self._withdraw = self._door.endpoint.request_place(entry.caller, self._decide)

    def give_up(self) -> None:
        """It has said nothing for long."""
        self._door.spoke(self)
        if self._transport is not None:
            self._door.hand_on(self._transport, b"")

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _wait_on(self, transport: asyncio.Transport, data: bytes) -> None:
        """Keep reading while the session waits: so a client that goes gives its place back."""
        self._early += data
        if len(self._early) > _MAX_EARLY_BYTES:
            transport.abort()

    def _decide(self, refusal: Refusal | None) -> bool:
        transport, entry = self._transport, self._entry
        if transport is None or entry is None or transport.is_closing():
            return False
        self._transport, self._entry = None, None
        if refusal is not None:
            self._door.endpoint.turn_away(entry, transport, refusal)
            return False
        if self._early:
            entry = entry._replace(opening=entry.opening._replace(tail=entry.opening.tail + self._early))
        self._door.endpoint.enter(entry, transport)
        return True

    def _read_entry(self, transport: asyncio.Transport, data: bytes) -> Entry | None:
        scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
        opening = read_opening(data, self._door.path, _address(transport.get_extra_info("peername")), scheme)
        return None if opening is None else self._door.endpoint.examine(opening)


def _address(peername: Any) -> str:
    """As aiohttp's `request.remote`: a host, or what a Unix socket is called."""
    return str(peername[0]) if isinstance(peername, (list, tuple)) else str(peername or "")
