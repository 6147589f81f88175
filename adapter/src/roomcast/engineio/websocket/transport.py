"""The WebSocket transport: an asyncio protocol between a socket and a session.

It has no rules of Engine.IO. It parses bytes into messages for the session, and writes the session's commands as
frames. It has no task of its own, and uses the server's timer wheel.

In one turn of the event loop, a socket gets a limited number of frames (`fair_turns.py`). Reading then pauses until its
other frames are handled in later turns. A client that exceeds its budget of frames or bytes (`budget.py`) is
disconnected.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from math import inf
from typing import Any, Final, Protocol, cast

from roomcast.engineio.fair_turns import Turns
from roomcast.engineio.limits.budget import InputBudget
from roomcast.engineio.oversized import Data
from roomcast.engineio.websocket import rfc6455
from roomcast.engineio.websocket.frame_receiver import FastPath, FrameReceiver
from roomcast.engineio.websocket.rfc6455 import Control, FrameParser, Message
from roomcast.engineio.write_buffer import Traffic, WriteBuffer

_HIGH_WATER: Final = 0
"""High-water mark of the transport's buffer, in bytes. Above it, packets wait in the session, which counts them. Every
transport with buffered bytes has paused its session. So the flush, which skips paused sessions, may write to the socket
directly."""

_TLS_HIGH_WATER: Final = 1
"""High-water mark over TLS, in bytes. A TLS transport pauses as soon as it reaches the mark. With 0 it would pause when
its buffer is empty, and resume only at the next write."""

_FRAMES_PER_TURN: Final = 32


class Owner(Protocol):
    """The events that a WebSocket reports to its session."""

    def message_received(self, connection: WebSocketConnection, data: Data) -> None:
        """Handle a message."""

    def ping_received(self, connection: WebSocketConnection, pong: bytes) -> None:
        """Send `pong`, the frame that answers a PING."""

    def pause(self) -> None:
        """Stop writing, because the transport is full."""

    def writing_resumed(self) -> None:
        """Resume writing, because the transport has sent its buffer."""

    def hung_up(self, connection: WebSocketConnection) -> None:
        """Stop writing, because the client closed the connection. Queue the connection for its `release`."""

    def connection_ended(self, connection: WebSocketConnection) -> None:
        """End the session of the transport, or drop the probe, because the connection has ended."""

    def connection_failed(self, connection: WebSocketConnection, code: int) -> None:
        """Close the connection with `code`, because the client violated the WebSocket protocol."""

    def flooded(self, connection: WebSocketConnection) -> None:
        """Close the connection, because the client exceeds its budget."""


class WebSocketConnection(FrameReceiver, asyncio.Protocol):
    """One WebSocket. `is_probe` is true until the session uses it as its transport."""

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
    """The `Owner`; None after the connection is detached from its session."""

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
        """Keep the transport, and set the size of its buffer in the kernel."""
        is_tls = transport.get_extra_info("sslcontext") is not None
        self.join(cast("asyncio.Transport", transport), is_tls=is_tls)
        if self.session is None:
            return
        size = self.session.rules.kernel_buffer
        sock: Any = transport.get_extra_info("socket")
        if size and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def join(self, transport: asyncio.Transport, *, is_tls: bool) -> None:
        """Keep the transport. Its socket must have the right buffer size already, inherited from the listener."""
        self._transport = transport
        self._is_tls = is_tls
        if self.session is not None:
            transport.set_write_buffer_limits(high=_TLS_HIGH_WATER if is_tls else _HIGH_WATER)

    def receive(self, data: bytes) -> None:
        """Parse bytes that the fast path declined."""
        if self._is_finished:
            return
        parser = self._parser
        if not (self.is_midway or self.is_probe) and (text := parser.whole_text(data)) is not None:
            if self._spend(1, len(data)) and self.session is not None:
                self.session.message_received(self, text)
        elif self._is_waiting or self._is_input_paused:
            self._receive_some(data, len(data), 0)  # asyncio had read these bytes before reading was paused
        else:
            self._receive_some(data, len(data), self._turns.grant(_FRAMES_PER_TURN))

    def _receive_some(self, data: bytes, size: int, frames: int) -> int:
        """Handle at most `frames` frames, and schedule the rest. Return the number of handled frames."""
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
        """Wait for a turn to handle frames that were read already. Without such frames, read from the socket again."""
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
        """Stop reading until `resume_input`. Frames that were read already wait, too."""
        self._is_input_paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_input(self) -> None:
        """Resume reading, in the next turn."""
        if self._is_input_paused:
            self._is_input_paused = False
            self._wait_for_turn()

    def _spend(self, frames: int, size: int) -> bool:
        """Charge the budget. Disconnect the client and return False if the budget is exceeded."""
        if self._budget.spend(self._clock(), frames, size):
            return True
        if self.session is not None:
            self.session.flooded(self)
        self._stop_reading()
        return False

    def _stop_reading(self) -> None:
        """Ignore further input. The timer closes the transport later."""
        self._is_finished = True
        if self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """Block the session, because the transport is full."""
        if self.session is not None and not self.is_probe:
            self.session.pause()

    def resume_writing(self) -> None:
        """Unblock the session, because the transport has sent its buffer."""
        if self.session is not None and not self.is_probe:
            self.session.writing_resumed()

    def eof_received(self) -> bool:
        """Tell the session that the client hung up. Return True to keep the transport open until `release`.

        Over TLS there are no half-closed connections, so the transport closes at once. The further work waits for
        `release`, because ten thousand clients may hang up in one turn of the event loop.
        """
        session = self.session
        if session is None or self._transport is None:
            return False
        session.hung_up(self)
        return not self._is_tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the session, and the caller of `finish`, that the connection has ended."""
        self._transport = None
        self._close_due = inf
        if self.session is not None:
            self.session.hung_up(self)
        if self._on_lost is not None:
            self._on_lost(self)

    # --- methods that the session calls ---

    @property
    def unsent(self) -> int:
        """Return the number of bytes in the transport's buffer."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def transport(self) -> asyncio.Transport | None:
        """The transport; None before the connection is made and after it is lost."""
        return self._transport

    def limit_messages(self, max_size: int, max_dropped: int) -> None:
        """From now on, accept messages of up to `max_size` bytes, and drop larger ones of up to `max_dropped` bytes."""
        self._parser.max_size = max_size
        self._parser.max_dropped = max_dropped

    def send(self, data: bytes) -> None:
        """Write whole frames now."""
        if self._transport is not None:
            self._transport.write(data)

    def finish(
        self, code: int, last: bytes, now: float, seconds: float, on_lost: Callable[[WebSocketConnection], None]
    ) -> bool:
        """Write `last` and a CLOSE frame. The connection ends with the client's CLOSE, or after `seconds`.

        An immediate close is not safe: if the server has not read all bytes of the client, the kernel sends a reset,
        which can destroy bytes that the client has not read. Return whether there was a connection to close. `on_lost`
        is called when the connection has ended.
        """
        self._detach()
        if self._transport is None:
            return False
        self._on_lost = on_lost
        self._transport.write(last + rfc6455.close_frame(code))
        self._close_due = now + seconds
        return True

    def abort(self) -> None:
        """Abort the connection. Its unsent bytes are lost."""
        self._detach()
        self._is_finished = True
        self._close_due = inf
        if self._transport is not None:
            self._transport.abort()

    def release(self) -> None:
        """Tell the session that the connection has ended, and close the transport of a client that hung up."""
        if (session := self._detach()) is not None:
            session.connection_ended(self)
        self.abort()

    @property
    def due(self) -> float:
        """The time of the next `on_time`, by the core's clock."""
        return self._close_due

    def on_time(self, now: float) -> None:
        """Abort the connection if the client's CLOSE did not come in time."""
        if now >= self._close_due:
            self.abort()

    # --- messages and control frames ---

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
