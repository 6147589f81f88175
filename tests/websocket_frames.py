"""WebSocket frames as clients send them (RFC 6455, section 5.2)."""

from __future__ import annotations

from loadtest.bench.frames import client_head

MASK = b"\x37\xfa\x21\x3d"


def masked(opcode: int, payload: bytes, *, fin: bool = True, reserved: int = 0) -> bytes:
    """Return a client's frame; `reserved`: the reserved bits at their position in the first byte."""
    first = (0x80 if fin else 0) | reserved | opcode
    size = len(payload)
    mask = (MASK * (size // 4 + 1))[:size]
    content = int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")  # a loop over bytes is too slow for floods
    return client_head(first, size) + MASK + content.to_bytes(size, "big")
