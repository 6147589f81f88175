"""A message that is too large to be handled, but small enough that its connection stays open.

If the server closes the connection, a stock client sends the message again. So messages over `Rules.max_payload` are
read up to `Rules.max_dropped_payload`: the transports keep the beginning, and drop the rest as it arrives.
"""

from __future__ import annotations

from typing import Final, NamedTuple

HEAD_BYTES: Final = 256
"""The number of bytes of the message that are kept: enough for the head of a Socket.IO packet with its ack id."""


class Oversized(NamedTuple):
    """The beginning of a message whose rest was dropped, and the size of the whole message in bytes."""

    head: str | bytes
    size: int


Data = str | bytes | Oversized
"""A message as the transports report it."""


def size_of(data: Data) -> int:
    """Return the size of the message that the client sent: characters of a text, else bytes."""
    return data.size if isinstance(data, Oversized) else len(data)


def held_size(data: Data) -> int:
    """Return the size of the part of the message that is kept: characters of a text, else bytes."""
    return len(data.head if isinstance(data, Oversized) else data)


def read_head(head: bytes, *, is_text: bool) -> str | bytes:
    """Return the beginning of a message, without an incomplete UTF-8 character at its end."""
    return head.decode(errors="ignore") if is_text else head
