"""Handle the bytes of single WebSocket frames, write to sockets, and measure JSON: leaf functions of the hot path.

`kernels.pyx` has the same functions in C, which the compiled build uses. `tests/unit/engineio/test_kernels.py` compares
the two. This module contains no rules of the chat or of Engine.IO, only of RFC 6455 (section 5.2) and RFC 8259.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from struct import Struct
from typing import Any, Final

from roomcast.hotpath.module_loader import prefer_compiled

NO_SOCKET: Final = -1
_ONE_KIND: Final = bytes.maketrans(b"{}", b"[]")
_STEPS: Final = bytes.maketrans(b"[]", b"\x01\xff")
_OTHERS: Final = bytes(set(range(256)) - set(b'[{]}"'))
_WHOLE_TEXT: Final = 0x81
_MASKED: Final = 0x80
_SHORT_HEAD: Final = Struct(">BBc").pack
_MIDDLE_HEAD: Final = Struct(">BBHc").pack
_LONG_HEAD: Final = Struct(">BBQc").pack


def unmask(mask: bytes, data: bytearray) -> None:
    """XOR `data` in place with the four bytes of `mask`, repeated."""
    size = len(data)
    repeated = (mask * (size // 4 + 1))[:size]
    data[:] = (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")


def whole_text(data: bytes) -> bytes | None:
    """Return the payload if `data` is exactly one masked TEXT frame of up to 64 KiB, else None.

    Nearly every read from a chat client returns one such frame. This function costs a third of the general parser.
    """
    size, start = len(data) - 6, 6
    if size < 0 or data[0] != _WHOLE_TEXT:
        return None
    if size > 125:
        size, start = size - 2, 8
        if data[1] != _MASKED | 126 or size < 126 or data[2] << 8 | data[3] != size:
            return None
    elif data[1] != _MASKED | size:
        return None
    payload = bytearray(data[start:])
    unmask(data[start - 4 : start], payload)
    return bytes(payload)


def text_frame(packet: bytes, start: int = 0) -> bytes:
    """Return the WebSocket frame of an Engine.IO message (`4`) with the bytes of `packet` from offset `start` on."""
    if start:
        packet = packet[start:]
    size = len(packet) + 1
    if size < 126:
        return _SHORT_HEAD(_WHOLE_TEXT, size, b"4") + packet
    if size < 65_536:
        return _MIDDLE_HEAD(_WHOLE_TEXT, 126, size, b"4") + packet
    return _LONG_HEAD(_WHOLE_TEXT, 127, size, b"4") + packet


def socket_number(transport: Any) -> int:
    """Return the number of the socket to which frames may be written directly, else NO_SOCKET.

    The plain build always returns NO_SOCKET, because it writes through the transport.
    """
    return NO_SOCKET


def send_now(socket: int, data: bytes) -> int:
    """Write to the socket without waiting. Return the number of bytes that the kernel accepted; 0 after an error."""
    return 0


def json_depth(text: bytes) -> int:
    """Return how deeply the arrays and objects in a JSON text are nested. Linear in its length.

    Each step works on the whole text at once, because a loop over 98 kB would take 10 ms. The steps remove the parts
    that do not change the result: escapes, all characters except brackets and quotes, pairs of adjacent quotes, strings
    in quotes, and each closing bracket that is followed by an opening bracket. Finally, four equal brackets in sequence
    count as one step of four.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = text.translate(_ONE_KIND, _OTHERS).replace(b'""', b"")
    if b'"' in brackets:
        brackets = b"".join(brackets.split(b'"')[::2])
    brackets = brackets.replace(b"][", b"").replace(b"[[[[", b"\x04").replace(b"]]]]", b"\xfc")
    return max(accumulate(array("b", brackets.translate(_STEPS)), initial=0))


prefer_compiled(__name__)
