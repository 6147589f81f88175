"""The fields of an inbox line that clients get, and the name of its room."""

from __future__ import annotations

import pytest

from roomcast.contract.inbox import name_of, people_in, removed, shown
from tests.unit.gateway.fakes import line_of

PEOPLE = {"bob": "Bob", "eve": "eve"}


@pytest.mark.parametrize(
    ("room", "own", "listed", "name"),
    [
        ("team", "The team", "Old name", "The team"),
        ("team", "", "Old name", "Old name"),
        ("team", "", "", "team"),
        ("dm:ada:bob", "", "Robert", "Bob"),
        ("dm:ada:eve", "", "Eve", "Eve"),
        ("dm:ada:eve", "", "", "eve"),
        ("dm:ada:ada", "", "", "dm:ada:ada"),
    ],
)
def test_a_room_is_shown_with_its_own_name_the_listed_name_or_its_id(
    room: str, own: str, listed: str, name: str
) -> None:
    assert name_of(line_of(room, name=own), PEOPLE, listed) == name


def test_people_in_returns_the_other_people_of_direct_rooms() -> None:
    assert people_in([line_of("dm:ada:bob"), line_of("team"), line_of("dm:ada:ada")]) == ["bob"]


def test_a_line_has_only_the_beginning_of_its_last_message() -> None:
    entry = (
        b'{"room":"team","seq":8,"epoch":"e1","time":5,"id":"i","user":"bob","name":"Bob","kind":"media","text":"%b",'
    )
    entry = (
        entry % (b"x" * 300) + b'"media":{"upload":"u","url":"secret","type":"image/png","name":"cat.png","size":3}}'
    )
    row = shown(line_of(entry=entry, unread=2, mentions=1, read=6), "Team")
    last = row.pop("last")
    assert row == {
        "room": "team",
        "name": "Team",
        "seq": 9,
        "epoch": "e1",
        "active": 1_000,
        "unread": 2,
        "mentions": 1,
        "read": 6,
    }
    assert last.pop("text") == "x" * 200
    assert last == {
        "seq": 8,
        "epoch": "e1",
        "time": 5,
        "id": "i",
        "user": "bob",
        "name": "Bob",
        "kind": "media",
        "media": {"type": "image/png", "name": "cat.png"},
    }
    assert shown(line_of(), "Team")["last"] is None
    assert removed("team") == {"room": "team", "removed": True}
