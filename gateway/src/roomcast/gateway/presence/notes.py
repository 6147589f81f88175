"""Notes with an end: what a client may set, and what still stands. Pure; times are ms by Redis's clock."""

from __future__ import annotations

from typing import Final, NamedTuple

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import MAX_NOTE_SECONDS, Presence
from roomcast.contract.texts import clean_note


class Note(NamedTuple):
    """A note and the ms at which it ends; 0: it has no end."""

    text: str = ""
    until: int = 0

    def at(self, now_ms: float) -> Note:
        """Return what stands of it now: an ended note is none."""
        return NO_NOTE if 0 < self.until <= now_ms else self


NO_NOTE: Final = Note()


def read_note(p: Presence, now_ms: float) -> Note | None:
    """Return the note that a client sets; None: it leaves the note as it is. The end may have passed.

    Raises BAD_REQUEST for an end without a note, or one too far ahead.
    """
    text = None if p.note is None else clean_note(p.note)
    if p.until is not None and not text:
        raise RoomcastError(Code.BAD_REQUEST, "`until` needs a note")
    if p.until is not None and p.until > now_ms + MAX_NOTE_SECONDS * 1_000:
        raise RoomcastError(Code.BAD_REQUEST, f"`until` is more than {MAX_NOTE_SECONDS // 86_400} days ahead")
    return None if text is None else Note(text, p.until or 0)


def require_future(note: Note | None, now_ms: float) -> None:
    """Raise BAD_REQUEST for a note that has ended: its client may have sent seconds instead of milliseconds."""
    if note is not None and note.at(now_ms) != note:
        raise RoomcastError(Code.BAD_REQUEST, "`until` lies in the past; it is in milliseconds since the epoch")
