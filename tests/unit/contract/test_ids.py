"""The form of ids, and the access that the id of a room gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.contract import ids
from roomcast.contract.ids import Access


@pytest.mark.parametrize("subject", ["ada", "a.b@c-d_e", "x" * 60])
def test_a_plain_subject_stays_as_it_is(subject: str) -> None:
    assert ids.encode_subject(subject) == subject


@pytest.mark.parametrize(
    ("subject", "user"), [("auth0|x1", "x--auth0-7Cx1"), ("Ä", "x---C3-84"), ("x--a", "x--x-2D-2Da")]
)
def test_a_subject_with_other_characters_is_encoded(subject: str, user: str) -> None:
    assert ids.encode_subject(subject) == user


@given(st.text(min_size=1, max_size=15))
def test_an_encoded_subject_is_a_valid_user_id_and_can_be_decoded(subject: str) -> None:
    try:
        user = ids.encode_subject(subject)
    except (ValueError, UnicodeEncodeError):
        return
    assert ids.is_user_id(user)
    assert ids.decode_user(user) == subject


@pytest.mark.parametrize("subject", ["", "ä" * 30])
def test_empty_and_overlong_subjects_are_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="empty or too long"):
        ids.encode_subject(subject)


@pytest.mark.parametrize(
    ("room", "verdict"),
    [
        ("public:lobby", Access.OPEN),
        ("public:", Access.STORED),
        ("dm:ada:bob", Access.OPEN),
        ("dm:bob:ada", Access.CLOSED),
        ("dm:bob:cem", Access.CLOSED),
        ("dm:ada", Access.CLOSED),
        ("dm:ada:ada", Access.OPEN),
        ("team", Access.STORED),
        ("publicity:x", Access.STORED),
    ],
)
def test_the_access_that_a_room_id_gives_to_ada(room: str, verdict: Access) -> None:
    assert ids.access(room, "ada") is verdict


@pytest.mark.parametrize("room", ["", "a" * 129, "a b", "{x}", "ä", "a\n"])
def test_texts_of_another_form_are_not_room_ids(room: str) -> None:
    assert not ids.is_room_id(room)
