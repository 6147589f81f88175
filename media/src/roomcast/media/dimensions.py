"""Read the size of an image from its header. Pure; no image is decoded.

Pillow opens a file lazily and reads only the header, so a small file that decodes to a huge image costs little. For
WebP (RFC 9649) and HEIF (AVIF, HEIC), Pillow needs more than the start of the file, so this module reads them itself.
"""

from __future__ import annotations

import re
import warnings
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image

LONG_HEAD_BYTES: Final = 2_097_152
"""The number of bytes that suffices for a photograph with much metadata (thumbnails, colour profiles) before its
dimensions."""

_FORMATS: Final = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/bmp": "BMP"}
_ORIENTATION: Final = 0x0112
_QUARTER_TURNS: Final = frozenset({5, 6, 7, 8})
_SPATIAL_EXTENTS: Final = re.compile(rb"\0\0\0\x14ispe\0\0\0\0(.{4})(.{4})", re.DOTALL)
_ROTATION: Final = re.compile(rb"\0\0\0\x09irot(.)", re.DOTALL)


class ImageError(ValueError):
    """The bytes are not an acceptable image. The text of the error gives the reason."""


class TruncatedError(ImageError):
    """The dimensions are beyond the given bytes. Call again with more bytes of the file."""


class Dimensions(NamedTuple):
    """The width and height in pixels, with the orientation of a photograph applied."""

    width: int
    height: int


def dimensions(head: bytes, content_type: str, max_pixels: int) -> Dimensions | None:
    """Return the size of an image; None for a type without pixels, or for a type that this release cannot measure.

    Raise TruncatedError if `head` ends too early, and ImageError for a broken header or more than `max_pixels`.
    """
    size = _read(head, content_type)
    if size is not None and (size.width < 1 or size.height < 1 or size.width * size.height > max_pixels):
        raise ImageError(f"{size.width} x {size.height} pixels")
    return size


def _read(head: bytes, content_type: str) -> Dimensions | None:
    if content_type == "image/webp":
        return _webp(head)
    if content_type in ("image/avif", "image/heic"):
        return _heif(head)
    return _pillow(head, _FORMATS[content_type]) if content_type in _FORMATS else None


def _pillow(head: bytes, image_format: str) -> Dimensions:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(BytesIO(head), formats=[image_format]) as image:
                width, height = image.size
                turned = image_format == "JPEG" and image.getexif().get(_ORIENTATION) in _QUARTER_TURNS
        except Image.DecompressionBombError:
            raise ImageError("far too many pixels") from None
        except Exception as error:  # Pillow raises errors of many classes: struct, value, syntax and OS errors
            raise TruncatedError(f"no readable {image_format} header: {type(error).__name__}") from None
    return Dimensions(height, width) if turned else Dimensions(width, height)


def _webp(head: bytes) -> Dimensions:
    """Read the canvas of a WebP file from the header of its first chunk (RFC 9649, section 2)."""
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
    raise ImageError("not a WEBP image")


def _heif(head: bytes) -> Dimensions:
    """Read the largest image of a HEIF file from its `ispe` properties, turned by `irot` (ISO/IEC 23008-12, 6.5)."""
    sizes = [
        Dimensions(int.from_bytes(width, "big"), int.from_bytes(height, "big"))
        for width, height in _SPATIAL_EXTENTS.findall(head)
    ]
    if not sizes:
        raise TruncatedError("no image size in the HEIF header")
    largest = max(sizes, key=lambda size: size.width * size.height)
    turn = _ROTATION.search(head)
    return Dimensions(largest.height, largest.width) if turn and turn[1][0] & 1 else largest
