"""Accept connections: open plain WebSocket sessions directly, and give every other connection to aiohttp.

For a WebSocket, aiohttp makes a parser, two tasks, a request, a match and a response, and then hands the connection
over. That costs more than the session itself. This listener therefore reads the head of the first request. If it is a
plain opening (`opening.py`) that passes the endpoint's checks, the connection becomes a WebSocket directly. Otherwise
aiohttp gets the connection and the bytes received so far. aiohttp answers refusals, long polling, upgrades, other
routes, and all unusual requests. The endpoint makes the same checks in both cases.

A connection whose first request has no complete head after `HEAD_SECONDS` is closed.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from roomcast.engineio.http.endpoint import DirectSession, Endpoint
from roomcast.engineio.http.refusals import Refusal
from roomcast.engineio.http.slow_readers import StalledConnections
from roomcast.engineio.limits.admission import Withdraw, withdraw_nothing
from roomcast.engineio.websocket.opening import read_opening

HEAD_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 1.0
_MAX_HEAD_BYTES: Final = 16_384
"""Longer heads go to aiohttp, which refuses them."""
_MAX_EARLY_BYTES: Final = 4_096
"""The most bytes that a client may send after its request while it waits for admission."""
_PACKETS_PER_OPENING: Final = 2
"""A new session counts as this many packets in a turn of the event loop (see `fair_turns.py`)."""


class DirectListener:
    """Makes the protocol of each new connection. `behind` makes aiohttp's protocol for requests of other kinds."""

    def __init__(
        self, endpoint: Endpoint, path: str, behind: Callable[[], asyncio.Protocol], kernel_buffer: int
    ) -> None:
        self.endpoint = endpoint
        self.path = path
        self._behind = behind
        self._kernel_buffer = kernel_buffer
        self._unread: dict[NewConnection, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._stalled = StalledConnections()

    def __call__(self) -> NewConnection:
        """Return the protocol of a new connection."""
        return NewConnection(self)

    def prepare(self, sockets: Iterable[socket.socket]) -> None:
        """Set options of listening sockets. Accepted connections inherit them, which saves a system call for each."""
        for listener in sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._kernel_buffer:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._kernel_buffer)

    def close(self) -> None:
        """Abort the connections whose first request has not been read. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for connection in list(self._unread):
            connection.cut()

    def opened(self, connection: NewConnection) -> None:
        """Watch a new connection, and close it if the head of its first request does not arrive in time."""
        self._unread[connection] = time.monotonic()
        self._look_soon()

    def _look_soon(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)

    def forget(self, connection: NewConnection) -> None:
        """Stop watching a connection, because the head has arrived or the connection is closed."""
        self._unread.pop(connection, None)

    def hand_on(self, transport: asyncio.Transport, data: bytes) -> None:
        """Give aiohttp the connection, and the bytes received on it."""
        protocol = self._behind()
        transport.set_protocol(protocol)
        self._stalled.add(transport, protocol)
        self._look_soon()
        protocol.connection_made(transport)
        protocol.data_received(data)

    def _look(self) -> None:
        self._timer = None
        latest = time.monotonic() - HEAD_SECONDS
        for connection, since in list(self._unread.items()):
            if since > latest:
                break  # the dict is in the order of age: all further connections are younger
            connection.cut()
        self._stalled.look(time.monotonic())
        if self._unread or self._stalled:
            self._look_soon()


class NewConnection(asyncio.Protocol):
    """A connection until its first request has been read, and while a new session waits for admission."""

    __slots__ = ("_data", "_has_head", "_listener", "_transport", "_waiting", "_withdraw")

    def __init__(self, listener: DirectListener) -> None:
        self._listener = listener
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._has_head = False
        """True once the head has arrived, and its answer is scheduled in `turns`."""
        self._waiting: DirectSession | None = None
        self._withdraw: Withdraw = withdraw_nothing

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport, and let the listener watch this connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._listener.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Withdraw the client's request for admission, if there is one."""
        self._transport = None
        self._listener.forget(self)
        self._withdraw()

    def data_received(self, data: bytes) -> None:
        """Collect the head of the first request; `turns` schedules the answer. Keep reading, to notice a disconnect."""
        transport = self._transport
        if transport is None:
            return
        self._data = self._data + data if self._data else data
        if self._waiting is not None:
            if len(self._data) > _MAX_EARLY_BYTES:
                transport.abort()
        elif not self._has_head and (b"\r\n\r\n" in self._data or len(self._data) > _MAX_HEAD_BYTES):
            self._has_head = True
            self._listener.forget(self)
            self._listener.endpoint.turns.add(self._answer)
        elif self._has_head and len(self._data) > _MAX_HEAD_BYTES + _MAX_EARLY_BYTES:
            transport.pause_reading()

    def cut(self) -> None:
        """Close the connection at once."""
        self._listener.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def _answer(self, packets: int) -> int:
        """Answer the first request. Return its cost in packets (see `fair_turns.py`)."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return 0
        data, self._data = self._data, b""
        if not transport.is_reading():
            transport.resume_reading()
        session = self._read(transport, data)
        if session is None:
            self._transport = None
            self._listener.hand_on(transport, data)
        else:
            self._waiting = session
            self._withdraw = self._listener.endpoint.request_place(session.caller, self._decide)
        return _PACKETS_PER_OPENING

    def _read(self, transport: asyncio.Transport, data: bytes) -> DirectSession | None:
        scheme = "http" if transport.get_extra_info("sslcontext") is None else "https"
        opening = read_opening(data, self._listener.path, _address(transport.get_extra_info("peername")), scheme)
        return None if opening is None else self._listener.endpoint.examine(opening)

    def _decide(self, refusal: Refusal | None) -> bool:
        """Begin the session, or refuse it."""
        transport, session = self._transport, self._waiting
        if transport is None or session is None or transport.is_closing():
            return False
        self._transport, self._waiting = None, None
        if refusal is not None:
            self._listener.endpoint.refuse_direct(session, transport, refusal)
            return False
        self._listener.endpoint.start_direct(session, transport, self._data)
        return True


def _address(peername: Any) -> str:
    """Return the same as aiohttp's `request.remote`: the host, or the name of a Unix socket."""
    return str(peername[0]) if isinstance(peername, (list, tuple)) else str(peername or "")
