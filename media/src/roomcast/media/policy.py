"""Decide which files a deployment accepts, and under which keys the storage keeps them. Pure.

The browser announces a name, a type and a size; the server chooses every key. Types that a browser would run (SVG,
HTML, XML, scripts) are never accepted.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple

from roomcast.contract.errors import Code, RoomcastError
from roomcast.media.file_names import NameRefusedError, clean_name
from roomcast.media.file_types import FILE_TYPES, TEXT, resolve

INCOMING: Final = "incoming/"


@dataclass(frozen=True, slots=True)
class Policy:
    """The files that a deployment allows: `types` from FILE_TYPES, `max_bytes` per file, `max_pixels` per image."""

    types: Collection[str]
    max_bytes: int
    max_pixels: int = 100_000_000


class Announced(NamedTuple):
    """An accepted announcement: the name as typed, the first name of its type, the size in bytes."""

    name: str
    type: str
    size: int


def admit(policy: Policy, name: str, content_type: str, size: int) -> Announced:
    """Return the announcement in its accepted form. Raises RoomcastError (MEDIA_REFUSED)."""
    known = resolve(content_type, name)
    if known is None or known not in policy.types:
        raise RoomcastError(Code.MEDIA_REFUSED, "this type of file is not allowed")
    if size < 1:
        raise RoomcastError(Code.MEDIA_REFUSED, "the file is empty")
    if size > policy.max_bytes:
        raise RoomcastError(Code.MEDIA_REFUSED, f"the file is larger than {policy.max_bytes} bytes")
    try:
        return Announced(clean_name(name), known, size)
    except NameRefusedError:
        raise RoomcastError(Code.MEDIA_REFUSED, "the name of the file is not allowed") from None


def incoming_key(upload: str) -> str:
    """Return the key to which the form uploads. The form can overwrite the object until the form expires."""
    return INCOMING + upload


def final_key(upload: str, content_type: str, year: int, month: int) -> str:
    """Return the key of a verified upload: `<yyyy>/<mm>/<upload>.<ext>`. No part of it comes from the browser."""
    return f"{year:04d}/{month:02d}/{upload}.{FILE_TYPES[content_type].extensions[0]}"


def served_type(content_type: str, charset: str | None) -> str:
    """Return the Content-Type of a download. For a text with a known encoding, it names the encoding."""
    is_named = charset is not None and FILE_TYPES[content_type].family == TEXT
    return f"{content_type}; charset={charset}" if is_named else content_type
