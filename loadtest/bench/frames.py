"""The part of RFC 6455 that a load client needs: parse whole server frames, make masked client frames. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

TEXT: Final = 0x81
CLOSE: Final = 0x88
PING: Final = 0x89
PONG: Final = 0x8A


class FrameError(ValueError):
    """The server sent a masked, fragmented or binary frame, which no server of this benchmark should send."""


class Control(NamedTuple):
    opcode: int
    payload: bytes


def split(data: bytes) -> tuple[list[bytes], list[Control], int]:
    """Return the payloads of the whole text frames in `data`, its control frames, and the bytes consumed.

    The loop calls no helpers: it runs once per delivery, and the load client shares the CPU with the measured servers.
    """
    texts: list[bytes] = []
    controls: list[Control] = []
    at = 0
    size = len(data)
    while size - at >= 2:
        length = data[at + 1]
        start = at + 2
        if length == 126:
            if size - at < 4:
                break
            length = data[at + 2] << 8 | data[at + 3]
            start = at + 4
        elif length > 126:
            if length > 127:
                raise FrameError("the server sent a masked frame")
            if size - at < 10:
                break
            length = int.from_bytes(data[at + 2 : at + 10], "big")
            start = at + 10
        end = start + length
        if end > size:
            break
        opcode = data[at]
        if opcode == TEXT:
            texts.append(data[start:end])
        elif opcode >= CLOSE:
            controls.append(Control(opcode, data[start:end]))
        else:
            raise FrameError(f"the server sent a frame with first byte {opcode:#04x}")
        at = end
    return texts, controls, at


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return a client frame with a mask of zeros: the server unmasks as usual, and the load client saves the XOR."""
    return client_head(opcode, len(payload)) + b"\0\0\0\0" + payload


def client_head(first: int, size: int) -> bytes:
    """Return the bytes before the mask of a client frame with this first byte and `size` bytes of payload."""
    if size < 126:
        return bytes((first, 0x80 | size))
    if size < 65_536:
        return bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    return bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")


def upgrade_request(host: str, target: str) -> bytes:
    """Return the HTTP request that opens a WebSocket. It offers no extension, so that no server compresses messages."""
    lines = (
        f"GET {target} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==",
        "Sec-WebSocket-Version: 13",
        "",
        "",
    )
    return "\r\n".join(lines).encode()
