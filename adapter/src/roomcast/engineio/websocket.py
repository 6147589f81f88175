"""The WebSocket transport: an asyncio protocol between a socket and a session.

It decides nothing about Engine.IO: bytes become packets for the session (or for the upgrade that the session
watches), and the session's commands become frames. It has no task; its timer is the server's wheel.
"""

from __future__ import annotations

import asyncio
import socket
from math import inf
from typing import TYPE_CHECKING, Any, cast

from roomcast.engineio import rfc6455
from roomcast.engineio.frame_receiver import FastPath, FrameReceiver
from roomcast.engineio.rfc6455 import Control, FrameParser, Message
from roomcast.engineio.write_buffer import Traffic

if TYPE_CHECKING:
    from roomcast.engineio.session import Session

_HIGH_WATER = 0
"""Bytes in the transport's buffer from which on packets wait in the session, where they are counted. The hot path needs
none: a transport that holds anything has paused its session, so whoever may write may write to the socket."""


class WebSocketLink(FrameReceiver, asyncio.Protocol):
    """One WebSocket. `is_probe` until the session has taken it as its transport."""

    __slots__ = ("_close_due", "_is_tls", "_parser", "_transport", "slot")

    session: Session | None

    def __init__(
        self,
        session: Session | None,
        parser: FrameParser,
        *,
        is_probe: bool,
        traffic: Traffic,
        fast_path: FastPath | None,
    ) -> None:
        super().__init__(session, is_probe=is_probe, traffic=traffic, fast_path=fast_path)
        self._parser = parser
        self._transport: asyncio.Transport | None = None
        self._is_tls = False
        self._close_due = inf
        self.slot = -1

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        is_tls = transport.get_extra_info("sslcontext") is not None
        self.join(cast("asyncio.Transport", transport), is_tls=is_tls)
        if self.session is None:
            return
        size = self.session.rules.kernel_buffer
        sock: Any = transport.get_extra_info("socket")
        if size and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def join(self, transport: asyncio.Transport, *, is_tls: bool) -> None:
        """The same for a socket whose buffer has its size from the listener."""
        self._transport = transport
        self._is_tls = is_tls
        if self.session is not None:
            transport.set_write_buffer_limits(high=_HIGH_WATER)

    def receive(self, data: bytes) -> None:
        parser = self._parser
        if not (self.is_midway or self.is_probe) and (text := parser.whole_text(data)) is not None:
            if self.session is not None:
                self.session.took(text)
            return
        messages = parser.feed(data)
        self.is_midway = parser.held > 0
        for message in messages:
            self._take(message)
        if parser.failure:
            self._fail(parser.failure)

    def pause_writing(self) -> None:
        if self.session is not None and not self.is_probe:
            self.session.pause()

    def resume_writing(self) -> None:
        if self.session is not None and not self.is_probe:
            self.session.resume_writing()

    def eof_received(self) -> bool:
        """The client hung up. True keeps the transport open until it is this link's turn to be buried.

        TLS knows no half-closed connections: there the transport closes at once. Ten thousand clients may hang up in
        one tick of the loop, which takes them all: hence nothing more happens here.
        """
        session = self.session
        if session is None or self._transport is None:
            return False
        session.link_hung_up(self)
        return not self._is_tls

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._close_due = inf
        if self.session is not None:
            self.session.link_hung_up(self)

    # --- the session's side ---

    @property
    def held(self) -> int:
        """Bytes in the transport's buffer."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def transport(self) -> asyncio.Transport | None:
        return self._transport

    def send(self, data: bytes) -> None:
        """Write whole frames now."""
        if self._transport is not None:
            self._transport.write(data)

    def finish(self, code: int, last: bytes, now: float, seconds: float) -> None:
        """Write `last` and a CLOSE frame; the connection ends with the client's CLOSE, or after `seconds`.

        Closing at once could destroy what the client has not read yet (a reset, when bytes of it lie unread).
        """
        self._detach()
        if self._transport is not None:
            self._transport.write(last + rfc6455.close_frame(code))
            self._close_due = now + seconds

    def abort(self) -> None:
        """Cut the connection; what waits in it is lost."""
        self._detach()
        self._close_due = inf
        if self._transport is not None:
            self._transport.abort()

    def bury(self) -> None:
        """The client hung up, or the connection is lost: tell the session, and let go of the transport."""
        if (session := self._detach()) is not None:
            session.link_went(self)
        self.abort()

    @property
    def due(self) -> float:
        return self._close_due

    def on_time(self, now: float) -> None:
        if now >= self._close_due:
            self.abort()

    # --- between them ---

    def _detach(self) -> Session | None:
        session, self.session = self.session, None
        return session

    def _take(self, message: Message) -> None:
        if isinstance(message, Control):
            self._control(message)
        elif self.session is not None:
            if self.is_probe:
                self.session.probe_took(message)
            else:
                self.session.took(message)

    def _control(self, control: Control) -> None:
        if control.opcode == rfc6455.PING and self.session is not None:
            self.session.pong(self, rfc6455.frame(rfc6455.PONG, control.payload))
        elif control.opcode == rfc6455.CLOSE and self._transport is not None:
            if (session := self._detach()) is not None:
                self._transport.write(rfc6455.close_frame(rfc6455.close_code(control.payload)))
                session.link_went(self)
            self._transport.close()

    def _fail(self, code: int) -> None:
        if self.session is not None:
            self.session.link_broke(self, code)
