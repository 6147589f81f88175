"""What the first bytes of a file say it is. Pure: bytes in, type and dimensions out; nothing is ever decoded.

Images are recognised by their magic bytes and measured from their headers: Pillow opens a file lazily, reads the header
and stops, so that a small file of a huge image costs nothing. Pillow needs a whole WebP file, so its 30-byte header
(RFC 9649) is read here.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image

HEAD_BYTES: Final = 65_536
"""Enough of any file to know its type, and of nearly every image to know its size."""

LONG_HEAD_BYTES: Final = 2_097_152
"""Enough of a photograph whose metadata (thumbnails, colour profiles) come before its dimensions."""

_FORMATS: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF"}
_ORIENTATION: Final = 0x0112
_QUARTER_TURNS: Final = frozenset({5, 6, 7, 8})
_TEXT_CONTROLS: Final = frozenset(range(32)) - set(b"\t\n\r\f\x1b")


class ProbeError(ValueError):
    """The bytes are not what they should be; the text says what is wrong."""


class TruncatedError(ProbeError):
    """The dimensions lie beyond the bytes given: ask again with more of the file."""


class Dimensions(NamedTuple):
    """In pixels, as shown (a photograph's orientation is applied)."""

    width: int
    height: int


def matches(head: bytes, content_type: str) -> bool:
    """Whether a file that starts with `head` (up to HEAD_BYTES) is of this type by its bytes."""
    if content_type == "text/plain":
        return _is_text(head)
    return content_type in _sniff(head)


def dimensions(head: bytes, content_type: str, max_pixels: int) -> Dimensions | None:
    """How large an image is; None for what has no pixels of its own.

    Raises TruncatedError when `head` ends too early, ProbeError for a broken header or more than `max_pixels`.
    """
    if content_type == "image/webp":
        size = _webp_dimensions(head)
    elif content_type in _FORMATS:
        size = _pillow_dimensions(head, _FORMATS[content_type])
    else:
        return None
    if size.width < 1 or size.height < 1 or size.width * size.height > max_pixels:
        raise ProbeError(f"{size.width} x {size.height} pixels")
    return size


def _sniff(head: bytes) -> tuple[str, ...]:
    """The types whose magic bytes `head` carries."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return ("image/png",)
    if head.startswith(b"\xff\xd8\xff"):
        return ("image/jpeg",)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return ("image/gif",)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return ("image/webp",)
    if head[4:8] == b"ftyp":
        return ("video/mp4", "audio/mp4")
    if head.startswith(b"\x1a\x45\xdf\xa3") and b"webm" in head[:64]:
        return ("video/webm", "audio/webm")
    if head.startswith(b"OggS"):
        return ("audio/ogg",)
    if head.startswith(b"%PDF-"):
        return ("application/pdf",)
    return ("audio/mpeg",) if _is_mp3(head) else ()


def _is_mp3(head: bytes) -> bool:
    """An ID3 tag, or the sync word of an MPEG audio layer III frame with a bit rate and a sampling rate."""
    if head.startswith(b"ID3"):
        return True
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    return head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters; a character cut in two by the end of a full head is forgiven."""
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or len(head) < HEAD_BYTES:
            return False
    return _TEXT_CONTROLS.isdisjoint(head)


def _pillow_dimensions(head: bytes, image_format: str) -> Dimensions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(BytesIO(head), formats=[image_format]) as image:
                width, height = image.size
                turned = image_format == "JPEG" and image.getexif().get(_ORIENTATION) in _QUARTER_TURNS
        except Image.DecompressionBombError:
            raise ProbeError("far too many pixels") from None
        except Exception as error:  # Pillow raises whatever its parsers meet: struct, value, syntax and OS errors
            raise TruncatedError(f"no readable {image_format} header: {type(error).__name__}") from None
    return Dimensions(height, width) if turned else Dimensions(width, height)


def _webp_dimensions(head: bytes) -> Dimensions:
    """The canvas of a WebP file, from the header of its first chunk (RFC 9649, section 2)."""
    chunk, data = head[12:16], head[20:30]
    if len(data) < 10:
        raise TruncatedError("no readable WEBP header")
    if chunk == b"VP8X":
        return Dimensions(1 + int.from_bytes(data[4:7], "little"), 1 + int.from_bytes(data[7:10], "little"))
    if chunk == b"VP8L" and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return Dimensions(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if chunk == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")
        return Dimensions(width & 0x3FFF, height & 0x3FFF)
    raise ProbeError("no WEBP image")
