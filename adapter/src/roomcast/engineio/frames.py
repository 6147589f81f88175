"""Encode packets once per transport for all clients that receive them.

A server's WebSocket frames are not masked, so the bytes of a frame are the same for every member of a room.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

from roomcast.engineio.websocket.rfc6455 import BINARY, TEXT, frame

SEPARATOR = b"\x1e"
"""Separates the packets of a polling payload."""


class Frames:
    """One Socket.IO packet (UTF-8, without Engine.IO's `4`) and its binary attachments."""

    __slots__ = ("_attachments", "_polling", "_text", "_websocket")

    def __init__(self, packet: bytes, attachments: Sequence[bytes] = ()) -> None:
        self._text: bytes | None = b"4" + packet
        self._attachments = attachments
        self._websocket: bytes | None = None
        self._polling: bytes | None = None

    @classmethod
    def of_type(cls, text: bytes) -> Frames:
        """Make the frames of a whole Engine.IO text packet, including its type (`b"2"` is a ping)."""
        frames = cls(b"")
        frames._text = text
        return frames

    @classmethod
    def binary(cls, data: bytes) -> Frames:
        """Return the frames of one binary message by itself."""
        frames = cls(b"", (data,))
        frames._text = None
        return frames

    @property
    def websocket(self) -> bytes:
        """The WebSocket frames of all parts, joined."""
        data = self._websocket
        if data is None:
            data = b"" if self._text is None else frame(TEXT, self._text)
            if self._attachments:
                data += b"".join(frame(BINARY, attachment) for attachment in self._attachments)
            self._websocket = data
        return data

    @property
    def polling(self) -> bytes:
        """All parts as packets of a polling payload, joined by the separator."""
        data = self._polling
        if data is None:
            parts = [] if self._text is None else [self._text]
            parts += [b"b" + b64encode(attachment) for attachment in self._attachments]
            data = self._polling = SEPARATOR.join(parts)
        return data


PING = Frames.of_type(b"2")
