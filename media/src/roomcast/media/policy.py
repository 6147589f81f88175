"""Which files are welcome, and what they are called. Pure.

The browser announces a name, a type and a size; the server picks the key. Types that a browser would run (SVG, HTML,
XML, scripts) are never welcome, whatever they are called.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from roomcast.contract.errors import Code, RoomcastError

MAX_NAME_LENGTH: Final = 120
INCOMING: Final = "incoming/"


class FileType(NamedTuple):
    """How a type is stored and shown: its extension first, then others that a name may carry."""

    extensions: tuple[str, ...]
    inline: bool = False


FILE_TYPES: Final[dict[str, FileType]] = {
    "image/png": FileType(("png",), inline=True),
    "image/jpeg": FileType(("jpg", "jpeg", "jfif"), inline=True),
    "image/gif": FileType(("gif",), inline=True),
    "image/webp": FileType(("webp",), inline=True),
    "video/mp4": FileType(("mp4", "m4v"), inline=True),
    "video/webm": FileType(("webm",), inline=True),
    "audio/mp4": FileType(("m4a", "mp4"), inline=True),
    "audio/webm": FileType(("weba", "webm"), inline=True),
    "audio/mpeg": FileType(("mp3",), inline=True),
    "audio/ogg": FileType(("ogg", "oga", "opus"), inline=True),
    "application/pdf": FileType(("pdf",)),
    "text/plain": FileType(("txt", "log", "md", "csv")),
}
"""Every type this release can recognise by its bytes; a deployment may allow fewer."""

_ACTIVE = frozenset({"svg", "svgz", "html", "htm", "xhtml", "xht", "shtml", "mhtml", "mht", "xml", "js", "mjs"})
_SEPARATORS = re.compile(r"[/\\]")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Policy:
    """What one deployment allows: `types` a part of FILE_TYPES, `max_bytes` per file, `max_pixels` per image."""

    types: Collection[str]
    max_bytes: int
    max_pixels: int = 100_000_000


class Announced(NamedTuple):
    """A welcome announcement: `name` cleaned, `type` without parameters, `size` in bytes."""

    name: str
    type: str
    size: int


def admit(policy: Policy, name: str, content_type: str, size: int) -> Announced:
    """The announcement in its clean form; raises RoomcastError (MEDIA_REFUSED) when it is not welcome."""
    bare_type = content_type.partition(";")[0].strip().lower()
    if bare_type not in policy.types or bare_type not in FILE_TYPES:
        raise RoomcastError(Code.MEDIA_REFUSED, "this type of file is not allowed")
    if size < 1:
        raise RoomcastError(Code.MEDIA_REFUSED, "the file is empty")
    if size > policy.max_bytes:
        raise RoomcastError(Code.MEDIA_REFUSED, f"the file is larger than {policy.max_bytes} bytes")
    return Announced(clean_name(name, bare_type), bare_type, size)


def clean_name(name: str, content_type: str) -> str:
    """`name` for people to read and to save under: one line, no path, an extension that suits the type.

    Raises RoomcastError (MEDIA_REFUSED) for a name that is a path, also percent-encoded, or promises active content.
    """
    plain = _fully_unquoted(name)
    if _SEPARATORS.search(plain) or "\0" in plain or plain.strip(". ") == "":
        raise RoomcastError(Code.MEDIA_REFUSED, "the name of the file is not allowed")
    text = unicodedata.normalize("NFC", name)
    text = "".join(" " if character.isspace() else character for character in text)
    text = "".join(character for character in text if unicodedata.category(character) not in _INVISIBLE)
    stem, extension = _split_extension(" ".join(text.split()).strip(". "))
    if extension in _ACTIVE or _split_extension(plain.strip(". "))[1] in _ACTIVE:
        raise RoomcastError(Code.MEDIA_REFUSED, "the name of the file is not allowed")
    known = FILE_TYPES[content_type].extensions
    if extension not in known:
        stem, extension = (f"{stem}.{extension}" if extension else stem), known[0]
    return f"{stem[: MAX_NAME_LENGTH - len(extension) - 1] or 'file'}.{extension}"


def incoming_key(upload: str) -> str:
    """Where the browser may store; anybody with the form may overwrite it until the form expires."""
    return INCOMING + upload


def final_key(upload: str, content_type: str, year: int, month: int) -> str:
    """Where a verified upload lives: `<yyyy>/<mm>/<upload>.<ext>`. Nothing of it comes from the browser."""
    return f"{year:04d}/{month:02d}/{upload}.{FILE_TYPES[content_type].extensions[0]}"


def disposition(name: str, content_type: str) -> str:
    """The Content-Disposition of a download (RFC 6266): only what a browser shows harmlessly is `inline`."""
    kind = "inline" if FILE_TYPES[content_type].inline else "attachment"
    ascii_name = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def served_type(content_type: str) -> str:
    """The Content-Type of a download: text says its encoding, so that no browser guesses."""
    return f"{content_type}; charset=utf-8" if content_type.startswith("text/") else content_type


def _split_extension(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    return (stem, extension.lower()) if dot and stem else (name, "")


def _fully_unquoted(text: str) -> str:
    """`text` percent-decoded until nothing changes, so that no number of encodings hides a path."""
    for _ in range(8):
        decoded = unquote(text, errors="replace")
        if decoded == text:
            break
        text = decoded
    return unicodedata.normalize("NFKC", text)
