"""Notes with an end: the values that a client may set, and when a note ends."""

from __future__ import annotations

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import Presence
from roomcast.contract.limits import MAX_NOTE_SECONDS
from roomcast.gateway.presence.notes import Note, read_note, require_future

NOW = 1_700_000_000_000
LATEST = NOW + MAX_NOTE_SECONDS * 1_000


@pytest.mark.parametrize(
    ("payload", "note"),
    [
        (Presence(), None),
        (Presence(status="busy"), None),
        (Presence(note=""), Note()),
        (Presence(note=" at  lunch "), Note("at lunch")),
        (Presence(note="lunch", until=NOW + 1), Note("lunch", NOW + 1)),
        (Presence(note="lunch", until=NOW - 1), Note("lunch", NOW - 1)),
        (Presence(note="lunch", until=LATEST), Note("lunch", LATEST)),
    ],
)
def test_a_note_is_read_from_the_payload(payload: Presence, note: Note | None) -> None:
    assert read_note(payload, NOW) == note


@pytest.mark.parametrize(
    "payload",
    [
        Presence(until=NOW + 1),
        Presence(note="", until=NOW + 1),
        Presence(note="\u200b", until=NOW + 1),
        Presence(note="lunch", until=LATEST + 1),
    ],
)
def test_an_end_without_a_note_or_too_far_in_the_future_is_refused(payload: Presence) -> None:
    with pytest.raises(RoomcastError) as caught:
        read_note(payload, NOW)
    assert caught.value.code is Code.BAD_REQUEST


def test_a_note_is_empty_from_its_end_on() -> None:
    note = Note("lunch", NOW)
    assert (note.at(NOW - 1), note.at(NOW), Note("lunch").at(NOW)) == (note, Note(), Note("lunch"))


def test_an_end_in_seconds_instead_of_milliseconds_is_refused() -> None:
    require_future(None, NOW)
    require_future(Note("lunch"), NOW)
    require_future(Note("lunch", NOW + 1), NOW)
    with pytest.raises(RoomcastError, match="milliseconds"):
        require_future(Note("lunch", NOW // 1_000), NOW)
