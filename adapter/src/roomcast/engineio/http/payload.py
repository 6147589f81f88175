"""Split the polling payload of Engine.IO v4: text packets joined by U+001E; a binary one is `b` and base64."""

from __future__ import annotations

import binascii
from base64 import b64decode

SEPARATOR_BYTE = b"\x1e"


class PayloadError(ValueError):
    """A body that is no polling payload."""


def split(body: bytes) -> list[str | bytes]:
    """Return the packets in the body of a POST: text with its type character, or bytes of a binary message.

    Raises PayloadError for text that is not UTF-8, an empty packet, or broken base64.
    """
    try:
        texts = body.decode().split("\x1e")
    except UnicodeDecodeError:
        raise PayloadError("not UTF-8") from None
    return [_packet(text) for text in texts]


def _packet(text: str) -> str | bytes:
    if not text:
        raise PayloadError("empty packet")
    if text[0] != "b":
        return text
    try:
        return b64decode(text[1:].encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise PayloadError("broken base64") from None
