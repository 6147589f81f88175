"""Detect the type of a file from its first bytes. Pure: bytes in, types out; no file is decoded.

The `filetype` library compares magic numbers. This module recognises four formats that need more than a magic number:
the ISO base media family (MP4, QuickTime, HEIC, AVIF) by its brands, PDF with leading junk, Microsoft's compound files,
and text, which has no magic number.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

import filetype

from roomcast.media.file_types import FILE_TYPES, OLE, TEXT, canonical

HEAD_BYTES: Final = 65_536
"""The number of bytes that suffices to detect the type of any file, and the pixel size of nearly every image."""

_CONTROLS: Final = frozenset(range(32)) - set(b"\t\n\r\f\x1b")
_UNDEFINED_IN_WINDOWS_1252: Final = frozenset(b"\x81\x8d\x8f\x90\x9d")
_BYTE_ORDER_MARKS: Final = ((codecs.BOM_UTF16_LE, "utf-16le"), (codecs.BOM_UTF16_BE, "utf-16be"))
_LEAST_ASCII_SHARE: Final = 0.5

_PDF: Final = re.compile(rb"[^<]{0,1019}%PDF-\d", re.DOTALL)
"""A PDF header within the first 1,024 bytes. PDF readers accept junk before the header there, for example a byte-order
mark or a printer's header (ISO 32000-1, annex H, note 13). This pattern does not accept junk with `<`, which could open
markup."""

_OLE_MAGIC: Final = bytes.fromhex("d0cf11e0a1b11ae1")
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif"})
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_QUICKTIME_ATOMS: Final = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
"""The possible first atoms of an old QuickTime file without an `ftyp` atom (QuickTime File Format, 2001)."""


def matches(head: bytes, content_type: str) -> bool:
    """Return whether the bytes of a file that starts with `head` (up to HEAD_BYTES) have this type."""
    family = FILE_TYPES[content_type].family
    if family == TEXT:
        return is_text(head)
    found = detect(head)
    return found is not None and (found == content_type or (family != "" and FILE_TYPES[found].family == family))


def detect(head: bytes) -> str | None:
    """Return the type in FILE_TYPES that `head` shows; None for text and for types that are not in FILE_TYPES."""
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] in _QUICKTIME_ATOMS:
        return "video/quicktime"
    if _PDF.match(head):
        return "application/pdf"
    if head.startswith(_OLE_MAGIC):
        return _first_of(OLE)
    if _is_mpeg_audio_frame(head):
        return "audio/mpeg"
    kind = filetype.guess(head) if head else None
    return None if kind is None else canonical(kind.mime)


def is_text(head: bytes) -> bool:
    """Return whether `head` is text in some encoding: valid UTF-16, or bytes without control characters."""
    if _PDF.match(head):
        return False
    return _utf_16_of(head) is not None or (head != b"" and _CONTROLS.isdisjoint(head))


def charset(head: bytes) -> str | None:
    """Return the encoding label (WHATWG Encoding Standard) of a text that starts with `head`; None if it is unclear.

    Text that is not Unicode counts as Windows-1252, the fallback of that standard. With bytes that are undefined in
    Windows-1252, the result is None.
    """
    if (utf_16 := _utf_16_of(head)) is not None:
        return utf_16
    if _decoded(head, "utf-8") is not None:
        return "utf-8"
    return "windows-1252" if _UNDEFINED_IN_WINDOWS_1252.isdisjoint(head) else None


def _iso_media(head: bytes) -> str:
    """Return the type of an ISO base media file, according to its brands (ISO/IEC 14496-12, section 4.3)."""
    box_bytes = min(max(int.from_bytes(head[:4], "big"), 16), 256)
    major, compatible = head[8:12], head[16:box_bytes]
    brands = {major, *(compatible[at : at + 4] for at in range(0, len(compatible), 4))}
    if brands & _AVIF_BRANDS:
        return "image/avif"
    if major in _HEIC_BRANDS:
        return "image/heic"
    if major == b"qt  ":
        return "video/quicktime"
    if major.startswith((b"3gp", b"3g2", b"3ge", b"3gg", b"3gs")):
        return "video/3gpp"
    return "audio/mp4" if major in (b"M4A ", b"M4B ") else "video/mp4"


def _is_mpeg_audio_frame(head: bytes) -> bool:
    """Return whether `head` starts with the header of an MPEG audio layer III frame (ISO/IEC 11172-3, 2.4.1.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return False
    return head[2] >> 4 not in (0, 15) and head[2] >> 2 & 3 != 3


def _utf_16_of(head: bytes) -> str | None:
    """Return the label of UTF-16 text with a byte-order mark, or with at least half of its characters in ASCII."""
    for mark, label in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return label if _is_clean(_decoded(head[2:], label)) else None
    if b"\0" not in head:
        return None
    for _, label in _BYTE_ORDER_MARKS:
        text = _decoded(head, label)
        if text and _is_clean(text) and sum(map(str.isascii, text)) >= _LEAST_ASCII_SHARE * len(text):
            return label
    return None


def _decoded(head: bytes, encoding: str) -> str | None:
    """Decode `head`. Return None if it is not in this encoding. A head of full length may end within a character."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(head, final=len(head) < HEAD_BYTES - 2)
    except UnicodeDecodeError:
        return None


def _is_clean(text: str | None) -> bool:
    return text is not None and _CONTROLS.isdisjoint(map(ord, text))


def _first_of(family: str) -> str:
    return next(name for name, kind in FILE_TYPES.items() if kind.family == family)
