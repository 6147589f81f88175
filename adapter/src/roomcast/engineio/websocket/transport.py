"""The WebSocket transport: an asyncio protocol between a socket and a session.

It has no rules of Engine.IO: bytes become messages for the session, and the session's commands become frames. It
has no task; its timer is the server's timer wheel.

One socket gets a bounded share of a turn of the event loop (`turns.py`): then reading pauses until its other frames
are handled in later turns. A client that sends more frames or bytes than its budget (`budget.py`) is cut.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from math import inf
from typing import Any, Final, Protocol, cast

from roomcast.engineio.limits.budget import InputBudget
from roomcast.engineio.oversized import Data
from roomcast.engineio.turns import Turns
from roomcast.engineio.websocket import rfc6455
from roomcast.engineio.websocket.frame_receiver import FastPath, FrameReceiver
from roomcast.engineio.websocket.rfc6455 import Control, FrameParser, Message
from roomcast.engineio.write_buffer import Traffic, WriteBuffer

_HIGH_WATER: Final = 0
"""High-water mark of the transport's buffer, in bytes: above it packets wait in the session, which counts them. A
transport that holds bytes has paused its session, so the flush may write to the socket directly."""

_TLS_HIGH_WATER: Final = 1
"""High-water mark over TLS, in bytes. TLS transports pause at the mark: with 0 they would pause when empty, and resume
only at the next write."""

_FRAMES_PER_TURN: Final = 32


class Owner(Protocol):
    """The events that a WebSocket reports to its session."""

    def message_received(self, connection: WebSocketConnection, data: Data) -> None:
        """Take a message."""

    def ping_received(self, connection: WebSocketConnection, pong: bytes) -> None:
        """Send `pong`, the frame that answers a PING."""

    def pause(self) -> None:
        """Stop writing: the transport is full."""

    def writing_resumed(self) -> None:
        """Go on writing: the transport has drained."""

    def hung_up(self, connection: WebSocketConnection) -> None:
        """Stop writing: the client is gone. Queue the connection for its `release`."""

    def connection_ended(self, connection: WebSocketConnection) -> None:
        """End the session of the transport, or drop the probe: the connection is over."""

    def connection_failed(self, connection: WebSocketConnection, code: int) -> None:
        """Close the connection with `code`: the client broke the WebSocket protocol."""

    def flooded(self, connection: WebSocketConnection) -> None:
        """Close the connection: the client sends more than it may."""


class WebSocketConnection(FrameReceiver, asyncio.Protocol):
    """One WebSocket. `is_probe` is true until the session has taken it as its transport."""

    __slots__ = (
        "_budget",
        "_clock",
        "_close_due",
        "_is_finished",
        "_is_input_paused",
        "_is_tls",
        "_is_waiting",
        "_on_lost",
        "_parser",
        "_transport",
        "_turns",
        "slot",
    )

    session: Any
    """The `Owner`; None once the connection is detached from the session."""

    def __init__(
        self,
        session: (WriteBuffer | Owner) | None,
        parser: FrameParser,
        budget: InputBudget,
        *,
        is_probe: bool,
        traffic: Traffic,
        fast_path: FastPath | None,
        turns: Turns,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(session, is_probe=is_probe, traffic=traffic, fast_path=fast_path)
        self._turns = turns
        self._parser = parser
        self._budget = budget
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._is_tls = False
        self._is_finished = False
        self._is_input_paused = False
        self._is_waiting = False
        self._close_due = inf
        self._on_lost: Callable[[WebSocketConnection], None] | None = None
        self.slot = -1

    # --- methods that asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport, and bound the kernel's buffer for it."""
        is_tls = transport.get_extra_info("sslcontext") is not None
        self.join(cast("asyncio.Transport", transport), is_tls=is_tls)
        if self.session is None:
            return
        size = self.session.rules.kernel_buffer
        sock: Any = transport.get_extra_info("socket")
        if size and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def join(self, transport: asyncio.Transport, *, is_tls: bool) -> None:
        """Take a transport whose socket inherited its buffer size from the listener."""
        self._transport = transport
        self._is_tls = is_tls
        if self.session is not None:
            transport.set_write_buffer_limits(high=_TLS_HIGH_WATER if is_tls else _HIGH_WATER)

    def receive(self, data: bytes) -> None:
        """Parse bytes that the fast path did not take."""
        if self._is_finished:
            return
        parser = self._parser
        if not (self.is_midway or self.is_probe) and (text := parser.whole_text(data)) is not None:
            if self._spend(1, len(data)) and self.session is not None:
                self.session.message_received(self, text)
        elif self._is_waiting or self._is_input_paused:
            self._receive_some(data, len(data), 0)  # read before the transport paused
        else:
            self._receive_some(data, len(data), self._turns.grant(_FRAMES_PER_TURN))

    def _receive_some(self, data: bytes, size: int, frames: int) -> int:
        """Handle at most `frames` frames, and the others in the next turns; return how many were handled."""
        parser = self._parser
        before = parser.frames
        messages = parser.feed(data, frames)
        self.is_midway = parser.is_midway
        if not self._spend(parser.frames - before, size):
            return parser.frames - before
        for message in messages:
            self._take(message)
        if parser.failure:
            if self.session is not None:
                self.session.connection_failed(self, parser.failure)
        else:
            self._read_on()
        return parser.frames - before

    def _read_on(self) -> None:
        """Wait for a turn for frames that were read already; if there are none, read from the socket again."""
        transport = self._transport
        if transport is None or self._is_finished or self._is_input_paused:
            return
        if self._parser.has_unread:
            transport.pause_reading()
            self._wait_for_turn()
        elif not transport.is_reading():
            transport.resume_reading()

    def _wait_for_turn(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._turns.add(self._take_turn)

    def _take_turn(self, frames: int) -> int:
        self._is_waiting = False
        if self._transport is None or self._is_finished or self._is_input_paused:
            return 0
        return self._receive_some(b"", 0, frames)

    def pause_input(self) -> None:
        """Read nothing more until `resume_input`; frames that were read already wait."""
        self._is_input_paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_input(self) -> None:
        """Read on, in the next turn."""
        if self._is_input_paused:
            self._is_input_paused = False
            self._wait_for_turn()

    def _spend(self, frames: int, size: int) -> bool:
        """Charge the budget; cut the client if it is exceeded."""
        if self._budget.spend(self._clock(), frames, size):
            return True
        if self.session is not None:
            self.session.flooded(self)
        self._stop_reading()
        return False

    def _stop_reading(self) -> None:
        """Ignore the client from now on; the timer closes the transport."""
        self._is_finished = True
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Block the session: the transport is full."""
        if self.session is not None and not self.is_probe:
            self.session.pause()

    def resume_writing(self) -> None:
        """Unblock the session: the transport has drained."""
        if self.session is not None and not self.is_probe:
            self.session.writing_resumed()

    def eof_received(self) -> bool:
        """Tell the session that the client hung up. True keeps the transport open until `release`.

        TLS knows no half-closed connections: there the transport closes at once. Ten thousand clients may hang up in
        one turn of the loop, so the rest of the work waits for `release`.
        """
        session = self.session
        if session is None or self._transport is None:
            return False
        session.hung_up(self)
        return not self._is_tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session, and the caller of `finish`, that the connection is gone."""
        self._transport = None
        self._close_due = inf
        if self.session is not None:
            self.session.hung_up(self)
        if self._on_lost is not None:
            self._on_lost(self)

    # --- methods that the session calls ---

    @property
    def unsent(self) -> int:
        """Return how many bytes the transport's buffer holds."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport; None before the connection is made and after it is lost."""
        return self._transport

    def limit_messages(self, max_size: int, max_dropped: int) -> None:
        """Accept messages of up to `max_size` bytes from now on, and drop those of up to `max_dropped` bytes."""
        self._parser.max_size = max_size
        self._parser.max_dropped = max_dropped

    def send(self, data: bytes) -> None:
        """Write whole frames now."""
        if self._transport is not None:
            self._transport.write(data)

    def finish(
        self, code: int, last: bytes, now: float, seconds: float, on_lost: Callable[[WebSocketConnection], None]
    ) -> bool:
        """Write `last` and a CLOSE frame; the connection ends with the client's CLOSE, or after `seconds`.

        An immediate close could destroy bytes that the client has not read: the kernel sends a reset if bytes of the
        client are unread.
        Returns whether there was a connection to close. `on_lost` is called when it is gone.
        """
        self._detach()
        if self._transport is None:
            return False
        self._on_lost = on_lost
        self._transport.write(last + rfc6455.close_frame(code))
        self._close_due = now + seconds
        return True

    def abort(self) -> None:
        """Cut the connection; its unsent bytes are lost."""
        self._detach()
        self._is_finished = True
        self._close_due = inf
        if self._transport is not None:
            self._transport.abort()

    def release(self) -> None:
        """Tell the session that the connection is over, and close the transport: the client hung up."""
        if (session := self._detach()) is not None:
            session.connection_ended(self)
        self.abort()

    @property
    def due(self) -> float:
        """The time of the next `on_time`, by the core's clock."""
        return self._close_due

    def on_time(self, now: float) -> None:
        """Cut the connection if the client's CLOSE did not come in time."""
        if now >= self._close_due:
            self.abort()

    # --- between the two sides ---

    def _detach(self) -> Any:
        session, self.session = self.session, None
        return session

    def _take(self, message: Message) -> None:
        if isinstance(message, Control):
            self._control(message)
        elif self.session is not None:
            self.session.message_received(self, message)

    def _control(self, control: Control) -> None:
        if control.opcode == rfc6455.PING and self.session is not None:
            self.session.ping_received(self, rfc6455.frame(rfc6455.PONG, control.payload))
        elif control.opcode == rfc6455.CLOSE and self._transport is not None:
            if (session := self._detach()) is not None:
                self._transport.write(rfc6455.close_frame(rfc6455.close_code(control.payload)))
                session.connection_ended(self)
            self._is_finished = True
            self._transport.close()
