"""Serve Engine.IO v4 with aiohttp: WebSocket and long polling for many idle clients and large rooms.

This package takes the place of python-engineio's server under python-socketio.

**The core decides, the shell acts.** `core.SessionCore` is one session as a state machine: events in (a packet came,
a GET opened, time passed), commands out (deliver this, answer that GET, close the connection). It knows no socket, no
loop and no clock, and its tests read as scripts. `websocket.rfc6455`, `websocket.opening`, `timer_wheel`,
`limits.budget`, `limits.client_addresses`, `http.origins` and `http.payload` are pure in the same way. Around them:

    http.listener        new connections, and WebSockets without aiohttp
    http.endpoint        handshakes, polls, posts, upgrades, refusals
    http.handshake       the caller and kind of a request, and whether its origin is allowed
    http.polling         a GET that waits, a POST that brings packets
    limits.admission     decides when a new session begins
    websocket.transport  an asyncio protocol: bytes to messages, commands to frames
    websocket.detach     takes a connection from aiohttp
    session              the core, the write buffer and the transport of one client
    oversized            the beginning of a message over the limit
    flush                when to write, and how much at a time
    timers               one timer for all sessions
    runtime              carries out the commands, keeps the table of sessions
    server               the interface for applications and operators

**A packet on its way out** is framed once (`Frames`), however many clients receive it. `push_many` appends the same
bytes to each client's write buffer; at the end of the loop's tick each socket gets one joined write, in slices of a few
milliseconds. Nothing ever waits for a client: its buffer is bounded in bytes, and a client that reads too slowly is cut
("slow client").

**A packet on its way in** goes to the receiver synchronously, in the order of arrival; python-socketio's handlers then
run as tasks of their own, so that a pong never waits for a handler. The frames and bytes that clients send are bounded
per connection and per address; a client that sends more is cut with 1008 ("flood"). A turn of the loop handles a
bounded number of packets of one socket. A message over the limit ends the session, or is dropped while it arrives and
reported with its beginning (`oversized`), so that the application can answer it.

**An idle connection** is a transport, a protocol, a session and a parser without buffers: no task, no queue, no timer
of its own. The timer wheel pings it every 25 seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from roomcast.engineio.commands import Command
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
    "Command": "commands",
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
"""The module of each name, loaded when the name is first used: an ASGI application has no aiohttp, and the adapter
imports only `write_buffer` of this package there."""


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562); raise AttributeError for any other."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
