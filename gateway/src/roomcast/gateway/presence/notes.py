"""Check and expire the notes of users, which may have an end. Pure; times are ms by Redis's clock."""

from __future__ import annotations

from typing import Final, NamedTuple

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import Presence
from roomcast.contract.limits import MAX_NOTE_SECONDS
from roomcast.contract.texts import clean_note


class Note(NamedTuple):
    """A note, and the ms at which it ends; 0: no end."""

    text: str = ""
    until: int = 0

    def at(self, now_ms: float) -> Note:
        """Return this note, or NO_NOTE if it has ended."""
        return NO_NOTE if 0 < self.until <= now_ms else self


NO_NOTE: Final = Note()


def read_note(p: Presence, now_ms: float) -> Note | None:
    """Return the note that a client sets, or None if the payload has no note. The end may lie in the past.

    Raises BAD_REQUEST for an end without a note, or an end more than MAX_NOTE_SECONDS ahead.
    """
    text = None if p.note is None else clean_note(p.note)
    if p.until is not None and not text:
        raise RoomcastError(Code.BAD_REQUEST, "`until` needs a note")
    if p.until is not None and p.until > now_ms + MAX_NOTE_SECONDS * 1_000:
        raise RoomcastError(Code.BAD_REQUEST, f"`until` is more than {MAX_NOTE_SECONDS // 86_400} days ahead")
    return None if text is None else Note(text, p.until or 0)


def require_future(note: Note | None, now_ms: float) -> None:
    """Raise BAD_REQUEST for a note that has ended: the client may have sent seconds instead of milliseconds."""
    if note is not None and note.at(now_ms) != note:
        raise RoomcastError(Code.BAD_REQUEST, "`until` lies in the past; it is in milliseconds since the epoch")
