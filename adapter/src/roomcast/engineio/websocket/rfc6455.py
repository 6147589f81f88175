"""WebSocket framing of a server (RFC 6455), without I/O and without extensions.

Names in capitals are from the RFC. Frames of a server are not masked (section 5.1). Frames of a client must be masked
(section 5.3).
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from hashlib import sha1
from struct import Struct
from sys import maxsize
from typing import Final, NamedTuple

from roomcast.engineio.oversized import HEAD_BYTES, Oversized, read_head
from roomcast.engineio.websocket.kernels import unmask, whole_text

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
PROTOCOL_ERROR: Final = 1002
UNSUPPORTED_DATA: Final = 1003
INVALID_DATA: Final = 1007
POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
SERVICE_RESTART: Final = 1012

_FIN: Final = 0x80
_RESERVED: Final = 0x70
_MASKED: Final = 0x80
_MAX_CONTROL: Final = 125
_SHORT_HEAD: Final = Struct(">BB").pack
_MIDDLE_HEAD: Final = Struct(">BBH").pack
_LONG_HEAD: Final = Struct(">BBQ").pack
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Control(NamedTuple):
    """A CLOSE, PING or PONG frame."""

    opcode: int
    payload: bytes


Message = str | bytes | Oversized | Control
"""Parsed input of a client: a text, a binary message, the beginning of a dropped message, or a control frame."""


class HandshakeError(ValueError):
    """A request that is not a WebSocket handshake. `status` is the HTTP status of the answer."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def accept(key: str) -> str:
    """Return Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2); raise HandshakeError for a bad key."""
    try:
        nonce = a2b_base64(key, strict_mode=True)
    except ValueError:
        nonce = b""
    if len(nonce) != 16:
        raise HandshakeError("Sec-WebSocket-Key is not 16 bytes in base64")
    return b2a_base64(sha1(key.encode() + _GUID, usedforsecurity=False).digest(), newline=False).decode()


def frame(opcode: int, payload: bytes) -> bytes:
    """Return one unfragmented server frame."""
    size = len(payload)
    if size < 126:
        return _SHORT_HEAD(_FIN | opcode, size) + payload
    if size < 65_536:
        return _MIDDLE_HEAD(_FIN | opcode, 126, size) + payload
    return _LONG_HEAD(_FIN | opcode, 127, size) + payload


def close_frame(code: int) -> bytes:
    """Return a CLOSE frame with a status code (section 5.5.1). For 1005, "no status", the frame has no payload."""
    return frame(CLOSE, b"" if code == 1005 else code.to_bytes(2, "big"))


def close_code(payload: bytes) -> int:
    """Return the code that answers a client's CLOSE: the same code, 1005 for no code, 1002 or 1007 for a bad code."""
    if not payload:
        return 1005
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
        return PROTOCOL_ERROR
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        return INVALID_DATA
    return code


class _Violation(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _Dropping:
    """An oversized message while it arrives: its beginning, its size so far, and the missing bytes of its frame."""

    __slots__ = ("head", "is_last", "left", "size")

    def __init__(self, head: bytearray) -> None:
        self.head = head
        self.size = len(head)
        self.left = 0
        self.is_last = False


class FrameParser:
    """Parses the bytes of a client, which may come in pieces of any size, into messages.

    After a violation, `failure` is the close code (1002, 1007 or 1009), and further bytes are ignored. A message longer
    than both `max_size` and `max_dropped` is a violation as soon as a frame header announces its size. A message longer
    than `max_size` but not `max_dropped` is dropped while it arrives, and becomes an `Oversized`. `frames` counts all
    frames so far.
    """

    __slots__ = (
        "_buffer",
        "_dropping",
        "_fragments",
        "_needed",
        "_opcode",
        "failure",
        "frames",
        "max_dropped",
        "max_size",
    )

    def __init__(self, max_size: int, max_dropped: int = 0) -> None:
        self.max_size = max_size
        self.max_dropped = max_dropped
        self.failure = 0
        self.frames = 0
        self._buffer: bytearray | None = None
        self._needed = 0
        self._opcode = CONTINUATION
        self._fragments: bytearray | None = None
        self._dropping: _Dropping | None = None

    @property
    def held(self) -> int:
        """Return the number of stored bytes of incomplete frames and messages."""
        return len(self._buffer or b"") + len(self._fragments or b"")

    @property
    def is_midway(self) -> bool:
        """Tell whether the next bytes continue a frame or message."""
        return self._buffer is not None or self._fragments is not None or self._dropping is not None

    @property
    def has_unread(self) -> bool:
        """Tell whether `feed(b"")` may return more messages, because the last call ended at its limit of frames."""
        return self._buffer is not None and len(self._buffer) >= self._needed and not self.failure

    def whole_text(self, data: bytes) -> str | None:
        """Return the message if `data` is exactly one TEXT frame, and no bytes wait. Else return None: use `feed`."""
        if self.is_midway or self.failure:
            return None
        payload = whole_text(data)
        if payload is None or len(payload) > self.max_size:
            return None
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            return None
        self.frames += 1
        return text

    def feed(self, data: bytes, max_frames: int = maxsize) -> list[Message]:
        """Return, in order, the messages that `data` completes. Parse at most `max_frames` frames; see `has_unread`."""
        messages: list[Message] = []
        if self.failure:
            return messages
        source: bytes | bytearray = data
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._needed:
                return messages
            source = self._buffer
        try:
            rest = self._parse(source, messages, max_frames)
        except _Violation as violation:
            self._fail(violation.code)
            return messages
        if rest == len(source):
            self._buffer = None
        elif source is self._buffer:
            del self._buffer[:rest]
        else:
            self._buffer = bytearray(memoryview(source)[rest:])
        return messages

    def _fail(self, code: int) -> None:
        self.failure = code
        self._buffer = self._fragments = self._dropping = None

    def _parse(self, data: bytes | bytearray, messages: list[Message], max_frames: int) -> int:
        """Append complete messages. Return the offset of the first frame that was not parsed. One loop, for speed."""
        end = len(data)
        at = self._drop(0, end, messages)
        last_frame = self.frames + max_frames
        while end - at >= 2 and self.frames < last_frame:
            first, second = data[at], data[at + 1]
            size = second & 0x7F
            self._check_head(first, second)
            mask_at = at + 2
            if size >= 126:
                width = 2 if size == 126 else 8
                mask_at += width
                if end < mask_at:
                    self._needed = mask_at - at
                    return at
                size = int.from_bytes(data[at + 2 : mask_at], "big")
            is_oversized = self._is_oversized(first, size)
            start = mask_at + 4
            stop = start + min(size, HEAD_BYTES) if is_oversized else start + size
            if end < stop:
                self._needed = stop - at
                return at
            self.frames += 1
            payload = bytearray(memoryview(data)[start:stop])
            unmask(bytes(data[mask_at:start]), payload)
            at = stop
            if is_oversized:
                self._begin_drop(first, payload, size)
                at = self._drop(at, end, messages)
            else:
                self._take(first, payload, messages)
        self._needed = 2
        return at

    def _check_head(self, first: int, second: int) -> None:
        """Check the first two bytes of a frame (section 5.2)."""
        opcode = first & 0x0F
        if first & _RESERVED or not second & _MASKED or 0x3 <= opcode <= 0x7 or opcode > PONG:
            raise _Violation(PROTOCOL_ERROR)
        if opcode >= CLOSE:
            if not first & _FIN or second & 0x7F > _MAX_CONTROL:
                raise _Violation(PROTOCOL_ERROR)
        elif (opcode == CONTINUATION) == (self._fragments is None):
            raise _Violation(PROTOCOL_ERROR)

    def _is_oversized(self, first: int, size: int) -> bool:
        """Tell whether to drop the message because of this frame's size. Raise _Violation above `max_dropped`."""
        if first & 0x0F >= CLOSE:
            return False
        total = size + (len(self._fragments or b"") if self._dropping is None else self._dropping.size)
        if total <= self.max_size and self._dropping is None:
            return False
        if total > self.max_dropped:
            raise _Violation(TOO_BIG)
        return True

    def _begin_drop(self, first: int, beginning: bytearray, size: int) -> None:
        """Keep the beginning of a frame. The rest of the frame will be dropped."""
        if first & 0x0F != CONTINUATION:
            self._opcode = first & 0x0F
        if self._dropping is None:
            self._dropping = _Dropping(self._fragments or bytearray())
        dropping = self._dropping
        dropping.head = (dropping.head + beginning)[:HEAD_BYTES]
        dropping.size += size
        dropping.left = size - len(beginning)
        dropping.is_last = bool(first & _FIN)
        self._fragments = None if dropping.is_last else bytearray()

    def _drop(self, at: int, end: int, messages: list[Message]) -> int:
        """Skip the rest of a dropped frame. Return the offset at which the next frame begins."""
        dropping = self._dropping
        if dropping is None:
            return at
        skipped = min(dropping.left, end - at)
        dropping.left -= skipped
        if not dropping.left and dropping.is_last:
            head = read_head(bytes(dropping.head), is_text=self._opcode == TEXT)
            messages.append(Oversized(head, dropping.size))
            self._dropping = None
        return at + skipped

    def _take(self, first: int, payload: bytearray, messages: list[Message]) -> None:
        opcode = first & 0x0F
        if opcode >= CLOSE:
            messages.append(Control(opcode, bytes(payload)))
        elif first & _FIN and opcode != CONTINUATION:
            messages.append(self._message(opcode, payload))
        elif opcode != CONTINUATION:
            self._opcode, self._fragments = opcode, payload
        elif self._fragments is not None:
            self._fragments += payload
            if first & _FIN:
                whole, self._fragments = self._fragments, None
                messages.append(self._message(self._opcode, whole))

    @staticmethod
    def _message(opcode: int, payload: bytearray) -> Message:
        if opcode == BINARY:
            return bytes(payload)
        try:
            return payload.decode()
        except UnicodeDecodeError:
            raise _Violation(INVALID_DATA) from None
