"""Serve Engine.IO v4 with aiohttp: WebSocket and long polling for many idle clients and large rooms.

This package takes the place of python-engineio's server under python-socketio.

**The core decides, the shell acts.** `core.SessionCore` is one session as a state machine. Its methods take events (a
packet arrived, a GET was opened, time has passed) and return commands (deliver a packet, answer a GET, close the
connection). It uses no socket, no event loop and no clock. `websocket.rfc6455`, `websocket.opening`, `timer_wheel`,
`limits.budget`, `limits.client_addresses`, `http.origins` and `http.payload` are pure in the same way. The shell:

    http.listener        accepts connections, and opens WebSockets without aiohttp
    http.endpoint        serves handshakes, polls, posts and upgrades, and refuses other requests
    http.handshake       finds the caller and kind of a request, and whether its origin is allowed
    http.polling         answers a GET when there are packets, and reads the packets of a POST
    limits.admission     decides when a new session begins
    websocket.transport  an asyncio protocol: bytes to messages, commands to frames
    websocket.detach     takes a connection over from aiohttp
    session              the core, the write buffer and the transport of one client
    oversized            the beginning of a message over the limit
    flush                decides when to write, and how much at a time
    timers               one timer for all sessions
    runtime              carries out the commands, and keeps the table of sessions
    server               the interface for applications and operators

**An outgoing packet** is framed once (`Frames`) for all clients that receive it. `push_many` appends the same bytes to
each client's write buffer. A flush gives each socket one joined write. It runs in slices of a few milliseconds, and the
event loop does other work between two slices. The server never waits for a client: each write buffer is limited in
bytes, and a client that reads too slowly is disconnected ("slow client").

**An incoming packet** goes to the receiver synchronously, in the order of arrival. The handlers of python-socketio run
as separate tasks, so that a pong never waits for a handler. The frames and bytes that clients send are limited per
connection and per address. A client that sends more is disconnected with 1008 ("flood"). A turn of the event loop
handles a limited number of packets of one socket. A message over the size limit ends the session. If the
application sets `max_dropped_payload`, messages up to that size are dropped instead, while they arrive. The application
gets their beginning (`oversized`), so that it can answer the client.

**An idle connection** consists of a transport, a protocol, a session and a parser without buffers. It has no task, no
queue and no timer of its own. The timer wheel pings it every 25 seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from roomcast.engineio.core_commands import Command
    from roomcast.engineio.frames import Frames
    from roomcast.engineio.http.handshake import Caller
    from roomcast.engineio.http.refusals import Refusal
    from roomcast.engineio.limits.admission import Admission, Decide, Withdraw
    from roomcast.engineio.observer import NoObserver, Observer
    from roomcast.engineio.rules import Reason, Rules
    from roomcast.engineio.server import EngineServer
    from roomcast.engineio.session import Session

__all__ = [
    "Admission",
    "Caller",
    "Command",
    "Decide",
    "EngineServer",
    "Frames",
    "NoObserver",
    "Observer",
    "Reason",
    "Refusal",
    "Rules",
    "Session",
    "Withdraw",
]

_MODULES: Final = {
    "Admission": "limits.admission",
    "Caller": "http.handshake",
    "Command": "core_commands",
    "Decide": "limits.admission",
    "EngineServer": "server",
    "Frames": "frames",
    "NoObserver": "observer",
    "Observer": "observer",
    "Reason": "rules",
    "Refusal": "http.refusals",
    "Rules": "rules",
    "Session": "session",
    "Withdraw": "limits.admission",
}
"""The module of each public name. It is loaded at the first use of the name, so that an ASGI application does not need
aiohttp: there, the adapter imports only `write_buffer` of this package."""


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562); raise AttributeError for any other."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
