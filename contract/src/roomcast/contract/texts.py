"""Rules for texts, names and emoji that gateways and back ends share. Pure.

Source of the invisible characters: Unicode's property Default_Ignorable_Code_Point, white space and controls; and the
braille blank, which is a symbol without ink.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MAX_NAME: Final = 80
"""Characters of a display name or a room's name."""

_IGNORABLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_VISIBLE: Final = re.compile(rf"[^\s\x00-\x1f\x7f-\x9f\u2800{_IGNORABLE}]")
_BIDI_CONTROLS: Final = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_VARIATION_SELECTORS: Final = re.compile(r"[\ufe0e\ufe0f]")


def is_blank(text: str) -> bool:
    """Return whether nothing of the text can be seen: it is empty, or all space and invisible characters."""
    return _VISIBLE.search(text) is None


def clean_name(name: str) -> str:
    """Return a name as one line that cannot turn the text around it, at most `MAX_NAME` characters; may be empty.

    Bidi controls and control characters go, white space becomes single spaces, half a surrogate pair becomes `?`.
    A right-to-left name needs no controls: its letters say their direction. Joiners stay: Persian and emoji need them.
    """
    line = " ".join(_CONTROLS.sub(" ", _BIDI_CONTROLS.sub("", name)).split())
    cut = line[:MAX_NAME].encode("utf-8", "replace").decode().rstrip()
    return "" if is_blank(cut) else cut


def canonical_emoji(emoji: str) -> str:
    """Return the one form of an emoji that is typed with or without a variation selector."""
    return unicodedata.normalize("NFC", _VARIATION_SELECTORS.sub("", emoji))
