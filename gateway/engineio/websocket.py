"""The WebSocket transport: an asyncio protocol between a socket and a session.

It decides nothing about Engine.IO: bytes become packets for the session (or for the upgrade that the session
watches), and the session's commands become frames. It has no task; its timer is the server's wheel.
"""

from __future__ import annotations

import asyncio
import socket
from math import inf
from typing import TYPE_CHECKING, Any, cast

from gateway.engineio import rfc6455
from gateway.engineio.rfc6455 import Control, FrameParser, Message

if TYPE_CHECKING:
    from gateway.engineio.session import Session

_HIGH_WATER = 65_536
"""Bytes in the transport's buffer from which on packets wait in the session, where they are counted."""


class WebSocketLink(asyncio.Protocol):
    """One WebSocket. `is_probe` until the session has taken it as its transport."""

    __slots__ = ("_close_due", "_parser", "_session", "_transport", "is_probe", "slot")

    def __init__(self, session: Session | None, parser: FrameParser, *, is_probe: bool) -> None:
        self._session = session
        self._parser = parser
        self._transport: asyncio.Transport | None = None
        self._close_due = inf
        self.is_probe = is_probe
        self.slot = -1

    # --- asyncio's side ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.join(cast("asyncio.Transport", transport))
        if self._session is None:
            return
        size = self._session.rules.kernel_buffer
        sock: Any = transport.get_extra_info("socket")
        if size and sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def join(self, transport: asyncio.Transport) -> None:
        """The same for a socket whose buffer has its size from the listener."""
        self._transport = transport
        if self._session is not None:
            transport.set_write_buffer_limits(high=_HIGH_WATER)

    def data_received(self, data: bytes) -> None:
        session = self._session
        if session is not None and not self.is_probe and (text := self._parser.whole_text(data)) is not None:
            session.announce_received(1, len(data))
            session.took_text(text)
            return
        messages = self._parser.feed(data)
        if self._session is not None:
            self._session.announce_received(len(messages), len(data))
        for message in messages:
            self._take(message)
        if self._parser.failure:
            self._fail(self._parser.failure)

    def pause_writing(self) -> None:
        if self._session is not None and not self.is_probe:
            self._session.pause()

    def resume_writing(self) -> None:
        if self._session is not None and not self.is_probe:
            self._session.resume_writing()

    def eof_received(self) -> bool:
        """The client hung up. True keeps the transport open until it is this link's turn to be buried.

        TLS knows no half-closed connections: there the transport closes at once.
        """
        if self._session is None or self._transport is None:
            return False
        self._session.link_hung_up(self)
        return self._transport.get_extra_info("sslcontext") is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._close_due = inf
        if self._session is not None:
            self._session.link_hung_up(self)

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
        session, self._session = self._session, None
        return session

    def _take(self, message: Message) -> None:
        if isinstance(message, Control):
            self._control(message)
        elif self._session is not None:
            if self.is_probe:
                self._session.probe_took(message)
            elif isinstance(message, str):
                self._session.took_text(message)
            else:
                self._session.took(message)

    def _control(self, control: Control) -> None:
        if control.opcode == rfc6455.PING and self._session is not None:
            self._session.pong(self, rfc6455.frame(rfc6455.PONG, control.payload))
        elif control.opcode == rfc6455.CLOSE and self._transport is not None:
            if (session := self._detach()) is not None:
                self._transport.write(rfc6455.close_frame(rfc6455.close_code(control.payload)))
                session.link_went(self)
            self._transport.close()

    def _fail(self, code: int) -> None:
        if self._session is not None:
            self._session.link_broke(self, code)
