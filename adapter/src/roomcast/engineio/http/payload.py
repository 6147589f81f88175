"""Split a polling payload of Engine.IO v4. U+001E separates its packets. A binary packet is `b` and base64."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator

from roomcast.engineio.oversized import HEAD_BYTES, Data, Oversized, read_head

SEPARATOR_BYTE = b"\x1e"
_BINARY = b"b"


class PayloadError(ValueError):
    """A body that is not a polling payload."""


class PayloadReader:
    """Splits the body of one POST as it arrives: into text packets with their type characters, and binary messages.

    A packet of more than `max_packet` bytes becomes an `Oversized`, which keeps only the first bytes. Raises
    PayloadError for text that is not UTF-8, an empty packet, or broken base64.
    """

    def __init__(self, max_packet: int) -> None:
        self._max_packet = max_packet
        self._part = bytearray()
        self._size = 0

    def feed(self, data: bytes) -> Iterator[Data]:
        """Yield the packets that `data` completes."""
        *parts, rest = data.split(SEPARATOR_BYTE)
        for part in parts:
            self._add(part)
            yield self.end()
        self._add(rest)

    def end(self) -> Data:
        """Return the packet that ends here. Call this for the last packet, at the end of the body."""
        part, size = bytes(self._part), self._size
        self._part.clear()
        self._size = 0
        if size > self._max_packet:
            is_text = part[:1] != _BINARY
            return Oversized(read_head(part if is_text else b"", is_text=is_text), size)
        try:
            return _packet(part.decode())
        except UnicodeDecodeError:
            raise PayloadError("not UTF-8") from None

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._max_packet:
            self._part += part
        else:
            self._part = (self._part + part[:HEAD_BYTES])[:HEAD_BYTES]


def _packet(text: str) -> str | bytes:
    if not text:
        raise PayloadError("empty packet")
    if text[0] != "b":
        return text
    try:
        return b64decode(text[1:].encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise PayloadError("broken base64") from None
