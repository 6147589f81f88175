"""WebSocket frames as clients send them (RFC 6455, section 5.2)."""

from __future__ import annotations

from loadtest.bench.frames import client_head

MASK = b"\x37\xfa\x21\x3d"


def masked(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0) -> bytes:
    """A client's frame; `reserved` holds the reserved bits in their place in the first byte."""
    first = (0x80 if fin else 0) | reserved | opcode
    return client_head(first, len(payload)) + MASK + bytes(byte ^ MASK[at % 4] for at, byte in enumerate(payload))
