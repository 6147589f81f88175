"""Receive the bytes of a WebSocket, and give plain frames to the fast path."""

from __future__ import annotations

from typing import Any

from roomcast.engineio.websocket.kernels import whole_text
from roomcast.engineio.write_buffer import Traffic, WriteBuffer
from roomcast.hotpath.module_loader import prefer_compiled


class FastPath:
    """Handles packets of one plain form before they are parsed. The application implements it."""

    def take(self, buffer: WriteBuffer, payload: bytes) -> bool:
        """Handle a plain Engine.IO packet of a client and return True. Return False for any other packet."""
        raise NotImplementedError


class FrameReceiver:
    """The receiving end of one WebSocket. The subclass's `receive` gets the bytes that the fast path declines.

    `session` is None after the connection is detached from its session. `is_probe` is true until the session uses the
    connection as its transport. `is_midway` is true while an incomplete frame or message is stored.
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
