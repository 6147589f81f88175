"""Refuse file names that are paths, keep other names as typed, and write names safely into a header.

Clients show a name as its owner typed it: `議事録2026／09.pdf` and `50%2F50.pdf` are ordinary names. No storage key
contains the name. A name could do harm only in the Content-Disposition header, which `disposition` builds.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import quote, unquote

from roomcast.contract.texts import is_blank
from roomcast.media.file_types import ACTIVE_EXTENSIONS, FILE_TYPES, split_extension

FALLBACK_STEM: Final = "file"
MAX_NAME_LENGTH: Final = 255
"""The most characters of a name that are kept. `media:sign` has the same limit."""

MAX_SAVED_BYTES: Final = 200
"""The most UTF-8 bytes of a saved name. Common file systems allow 255, and a browser may add a suffix such as `(1)`."""

_SEPARATORS: Final = re.compile(r"[/\\]")
_REORDERING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Bidirectional embeddings, overrides and isolates (Unicode Annex 9), which can hide the extension of a program."""

_UNPRINTABLE: Final = frozenset({"Cc", "Cs"})
_LINE_BREAKS: Final = frozenset({"Zl", "Zp"})
_BEYOND_ASCII_NAME: Final = re.compile(r"[^A-Za-z0-9._ -]")


class NameRefusedError(ValueError):
    """The name is a path, or has the extension of an active document."""


def clean_name(name: str) -> str:
    """Return `name` as typed, but on one line. Joiners and other invisible characters that shape text are kept.

    Raise NameRefusedError for a path, also for a percent-encoded path that leads upwards, and for the extension of an
    active document.
    """
    line = "".join(_on_one_line(character) for character in name)
    line = " ".join(line.split(" ")).strip()[:MAX_NAME_LENGTH].strip()
    if _is_refused(name) or (line and _is_refused(line)):
        raise NameRefusedError(name)
    return FALLBACK_STEM if is_blank(line) else line


def saved_name(name: str, content_type: str) -> str:
    """Return the name under which a browser saves the file: without a path or leading dot, with a fitting extension."""
    extensions = FILE_TYPES[content_type].extensions
    stem, extension = split_extension(_SEPARATORS.sub("_", name).strip(". "))
    if extension not in extensions:
        stem, extension = (f"{stem}.{extension}" if extension else stem), extensions[0]
    return f"{_shortened(stem, MAX_SAVED_BYTES - len(extension) - 1) or FALLBACK_STEM}.{extension}"


def disposition(name: str, content_type: str) -> str:
    """Return the Content-Disposition header of a download (RFC 6266, with the extended notation of RFC 8187)."""
    kind = "inline" if FILE_TYPES[content_type].shows else "attachment"
    saved = saved_name(name, content_type)
    ascii_name = _BEYOND_ASCII_NAME.sub("_", saved)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(saved, safe='')}"


def _on_one_line(character: str) -> str:
    if character in "\t\n\r\v\f" or unicodedata.category(character) in _LINE_BREAKS:
        return " "
    is_dropped = character in _REORDERING or unicodedata.category(character) in _UNPRINTABLE
    return "" if is_dropped else character


def _is_refused(text: str) -> bool:
    """Return whether a name is a path or has the extension of an active document, before or after decoding."""
    decoded = _decoded(text)
    if _SEPARATORS.search(text) or "\0" in decoded or _leads_elsewhere(decoded):
        return True
    return any(split_extension(form.rstrip(". "))[1] in ACTIVE_EXTENSIONS for form in (text.strip(), decoded))


def _leads_elsewhere(decoded: str) -> bool:
    """Return whether a path component of the decoded name is `.` or `..`, or the name has only dots and spaces."""
    parts = _SEPARATORS.split(decoded)
    return any(part.strip() in (".", "..") for part in parts) or decoded.strip(". ") == ""


def _decoded(text: str) -> str:
    """Percent-decode up to 8 times, because a path may be encoded repeatedly. Then replace look-alikes (NFKC)."""
    for _ in range(8):
        decoded = unquote(text, errors="replace")
        if decoded == text:
            break
        text = decoded
    return unicodedata.normalize("NFKC", text)


def _shortened(stem: str, max_bytes: int) -> str:
    """Shorten a stem to at most `max_bytes` of UTF-8, at the end of a character."""
    return stem.encode("utf-8")[:max_bytes].decode("utf-8", "ignore").rstrip(". ")
