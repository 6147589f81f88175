"""Receive the bytes of a WebSocket, and pass plain frames to the fast path."""

from __future__ import annotations

from typing import Any

from roomcast.engineio.websocket.kernels import whole_text
from roomcast.engineio.write_buffer import Traffic, WriteBuffer
from roomcast.hotpath.choice import prefer_compiled


class FastPath:
    """Takes packets of one plain form before they are parsed. The application implements it."""

    def take(self, buffer: WriteBuffer, payload: bytes) -> bool:
        """Handle the Engine.IO packet of a client; return False, and do nothing, for any that is not plain."""
        raise NotImplementedError


class FrameReceiver:
    """The receiving end of one WebSocket. A subclass handles in `receive` the bytes that the fast path does not take.

    `session` is None once the connection is detached from it. `is_probe` is true until the session has taken the
    connection as its transport. `is_midway` is true while part of a frame or message is held.
    """

    __slots__ = ("fast_path", "is_midway", "is_probe", "session", "traffic")

    def __init__(self, session: Any, *, is_probe: bool, traffic: Traffic, fast_path: FastPath | None) -> None:
        self.session = session
        self.is_probe = is_probe
        self.is_midway = False
        self.traffic = traffic
        self.fast_path = fast_path

    def data_received(self, data: bytes) -> None:
        """Count the bytes, and offer a whole text frame to the fast path."""
        self.traffic.received += len(data)
        buffer = self.session
        if buffer is not None and self.fast_path is not None and not (self.is_midway or self.is_probe):  # noqa: SIM102
            if buffer.tickets and buffer.held == 0:
                payload = whole_text(data)
                if payload is not None and self.fast_path.take(buffer, payload):
                    return
        self.receive(data)

    def receive(self, data: bytes) -> None:
        """Parse the bytes."""
        raise NotImplementedError


prefer_compiled(__name__)
