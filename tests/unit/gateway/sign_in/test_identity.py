"""The rooms that a user may enter because of the claim `rooms` of the token."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as some

from roomcast.gateway.sign_in.identity import Identity


def identity(*rooms: str) -> Identity:
    return Identity(user="ada", name="Ada", expires=0.0, issued=0, token_id="", rooms=rooms, ops=False)


@pytest.mark.parametrize(
    ("pattern", "room", "matches"),
    [
        ("team", "team", True),
        ("team", "team-1", False),
        ("team-*", "team-1", True),
        ("team-*", "team", False),
        ("Team", "team", False),
        ("*", "anything", True),
        ("team-?", "team-12", False),
        ("team-[12]", "team-2", True),
        ("", "team", False),
    ],
)
def test_an_identity_matches_the_rooms_of_its_patterns(pattern: str, room: str, matches: bool) -> None:
    assert identity(pattern).matches(room) is matches
    assert identity("other", pattern).matches(room) is matches


def test_an_identity_without_patterns_matches_no_room() -> None:
    assert not identity().matches("team")


@given(some.text("ab*?[]!-", max_size=8), some.text("ab-", min_size=1, max_size=6))
def test_patterns_match_the_same_rooms_as_fnmatchcase(pattern: str, room: str) -> None:
    """The code matches most patterns without a call of `fnmatchcase`."""
    assert identity(pattern).matches(room) is fnmatchcase(room, pattern)
