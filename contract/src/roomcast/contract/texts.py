"""Rules for texts, names, notes and emoji that gateways and back ends share. Pure.

A character is invisible if it is white space, a control character, or has Unicode's property
Default_Ignorable_Code_Point. The blank braille pattern (U+2800) counts as invisible, too.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from roomcast.contract.errors import Code, RoomcastError

MAX_NAME: Final = 80
"""The most characters that a display name or a room's name may have."""
MAX_NOTE: Final = 140
"""The most characters that the note of a presence may have."""
MAX_REASON: Final = 500
"""The most characters that the reason of a report may have."""

MAX_TOPIC: Final = 500
"""The most characters that a room's topic may have."""

_IGNORABLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_VISIBLE: Final = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f\u2800{_IGNORABLE}]")
_BIDI_CONTROLS: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_VARIATION_SELECTORS: Final = re.compile(r"[\ufe0e\ufe0f]")


def is_blank(text: str) -> bool:
    """Tell whether the text is empty, or has only invisible characters."""
    return _VISIBLE.search(text) is None


def clean_line(text: str, max_length: int) -> str:
    """Return a text as one line of at most `max_length` characters, to be shown next to other texts.

    Return `""` if the line has no visible character. Bidi controls are removed, so that the text cannot change the
    direction of the texts around it. A right-to-left text does not need them, because its letters have a direction.
    Joiners are kept, because Persian and emoji need them. Control characters and white space become single spaces. Half
    a surrogate pair becomes `?`.
    """
    line = " ".join(_CONTROLS.sub(" ", _BIDI_CONTROLS.sub("", text)).split())
    cut = line[:max_length].encode("utf-8", "replace").decode().rstrip()
    return "" if is_blank(cut) else cut


def clean_name(name: str) -> str:
    """Return the name of a user or room, cleaned by `clean_line`, with at most `MAX_NAME` characters."""
    return clean_line(name, MAX_NAME)


def require_name(name: str) -> str:
    """Return the name, cleaned by `clean_name`. Raise BAD_REQUEST if it has no visible character."""
    clean = clean_name(name)
    if not clean:
        raise RoomcastError(Code.BAD_REQUEST, "the name has no visible character")
    return clean


def clean_note(note: str) -> str:
    """Return the note of a presence, cleaned by `clean_line`, with at most `MAX_NOTE` characters."""
    return clean_line(note, MAX_NOTE)


def clean_topic(topic: str) -> str:
    """Return the topic of a room, cleaned by `clean_line`, with at most `MAX_TOPIC` characters."""
    return clean_line(topic, MAX_TOPIC)


def canonical_emoji(emoji: str) -> str:
    """Return the emoji in NFC and without variation selectors, so that equal emoji are equal texts.

    Bidi controls and control characters are removed, too.
    """
    plain = _CONTROLS.sub("", _BIDI_CONTROLS.sub("", _VARIATION_SELECTORS.sub("", emoji)))
    return unicodedata.normalize("NFC", plain)
