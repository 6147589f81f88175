"""The description of a stored room is read from its fields, and changes are checked."""

from __future__ import annotations

import json

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.room_info import changed_fields, keys_of_closed, read_description


def test_a_description_is_read_from_the_fields_of_the_room() -> None:
    found = read_description("team:red", [b"private", b"", None, b"ada", b'{"a":1}'])
    assert found is not None
    assert (found.name, found.topic, found.owner, found.data) == ("team:red", "", "ada", {"a": 1})
    assert found.public() == {"name": "team:red", "topic": "", "data": {"a": 1}}
    assert read_description("team:red", [None] * 5) is None


def test_a_field_that_is_none_is_kept_and_an_empty_field_is_deleted() -> None:
    assert changed_fields(name=" The\nred\u202e team ") == ("name", "The red team")
    assert changed_fields(topic="") == ("topic", "")
    assert changed_fields(topic="a\tb") == ("topic", "a b")
    assert changed_fields(data={}) == ("data", "")
    assert json.loads(changed_fields(data={"x": [1, "é"]})[1]) == {"x": [1, "é"]}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, Code.BAD_REQUEST),
        ({"name": "\u200b "}, Code.BAD_REQUEST),
        ({"data": {"x": "y" * 5_000}}, Code.TOO_LARGE),
        ({"data": {"x": float("nan")}}, Code.BAD_REQUEST),
    ],
)
def test_bad_changes_are_refused(fields: dict[str, object], code: Code) -> None:
    with pytest.raises(RoomcastError) as caught:
        changed_fields(**fields)  # type: ignore[arg-type]
    assert caught.value.code is code


def test_a_topic_is_one_line_of_bounded_length() -> None:
    assert len(changed_fields(topic="x" * 900)[1]) == 500


def test_closing_deletes_all_keys_of_a_room() -> None:
    kicked, members, *rest = keys_of_closed("team:red")
    assert (kicked, members) == ("room:{team:red}:kicked", "room:{team:red}:members")
    assert {key.rpartition("}")[2] for key in rest} == {
        *(":log", ":meta", ":ids", ":ids:old", ":read", ":counts", ":sanctions", ":slow", ":reports")
    }
