"""The changes that an edit or a deletion makes to older entries of the log."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from roomcast.contract import amendments as amend
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.log_scripts import Rewrite

TEXT: dict[str, Any] = {
    "room": "r",
    "seq": 3,
    "epoch": "e",
    "user": "ada",
    "kind": "text",
    "text": "old",
    "reply_to": 1,
}
MEDIA: dict[str, Any] = {**TEXT, "kind": "media", "media": {"url": "u"}}
DATA: dict[str, Any] = {"room": "r", "seq": 3, "epoch": "e", "user": "ada", "kind": "data", "data": {"old": 1}}


def raw(message: dict[str, Any]) -> bytes:
    return orjson.dumps(message)


def applied(rewrite: Rewrite, seq: int) -> dict[str, Any]:
    """Return the entry that the script writes for a rewrite when the amendment gets this seq."""
    made = rewrite.before + str(seq).encode() + rewrite.after if rewrite.after else rewrite.before
    found: dict[str, Any] = orjson.loads(made)
    return found


@pytest.mark.parametrize("message", [TEXT, MEDIA, DATA])
def test_messages_can_be_amended(message: dict[str, Any]) -> None:
    assert amend.load_target(raw(message)) == message


@pytest.mark.parametrize(
    "entry",
    [
        None,
        b"",
        b"[]",
        raw({**TEXT, "kind": "edit"}),
        raw({**TEXT, "kind": "delete"}),
        raw({**TEXT, "kind": "reaction"}),
        raw({**TEXT, "kind": "system"}),
        raw({**TEXT, "deleted": 9}),
        raw({"seq": 3}),
    ],
)
def test_other_entries_and_missing_entries_cannot_be_amended(entry: bytes | None) -> None:
    with pytest.raises(RoomcastError) as caught:
        amend.load_target(entry)
    assert caught.value.code is Code.NOT_FOUND


def test_a_system_message_can_be_amended_only_with_the_flag_system() -> None:
    message = {**TEXT, "kind": "system"}
    assert amend.load_target(raw(message), system=True) == message
    with pytest.raises(RoomcastError, match="only back ends edit and delete it"):
        amend.load_target(raw(message))


def test_an_edit_replaces_the_text_and_keeps_all_other_fields() -> None:
    rewrite = amend.edited(raw(TEXT), TEXT, {"text": "new"})

    assert (rewrite.seq, rewrite.expected) == (3, raw(TEXT))
    assert applied(rewrite, 12) == {**TEXT, "text": "new", "edited": 12}


def test_a_second_edit_replaces_the_seq_of_the_first_edit() -> None:
    once = {**TEXT, "edited": 12}

    assert applied(amend.edited(raw(once), once, {"text": "newer"}), 13) == {**TEXT, "text": "newer", "edited": 13}


@pytest.mark.parametrize(
    ("text", "data", "after"),
    [
        ("new", None, {"text": "new", "data": {"a": 1}}),
        (None, {"b": 2}, {"text": "old", "data": {"b": 2}}),
        ("new", {}, {"text": "new", "data": {}}),
    ],
)
def test_the_entry_of_an_edit_has_the_whole_content_after_the_edit(
    text: str | None, data: dict[str, Any] | None, after: dict[str, Any]
) -> None:
    assert amend.edited_content({**TEXT, "data": {"a": 1}}, text, data) == after


def test_the_entry_of_an_edit_leaves_out_fields_that_the_message_does_not_have() -> None:
    assert amend.edited_content(TEXT, "new", None) == {"text": "new"}
    assert amend.edited_content(DATA, None, {"new": 1}) == {"data": {"new": 1}}


@pytest.mark.parametrize("message", [TEXT, MEDIA, DATA, {**TEXT, "data": {"old": 1}}, {**TEXT, "edited": 12}])
def test_a_deletion_removes_the_text_media_and_data(message: dict[str, Any]) -> None:
    got = applied(amend.deleted(raw(message), message), 14)

    assert got["deleted"] == 14
    assert set(message) - set(got) == {"text", "media", "data"} & set(message)
    assert "old" not in str(got)


def test_the_text_of_a_superseded_edit_is_removed() -> None:
    edit = {**TEXT, "seq": 5, "kind": "edit", "target": 3}
    rewrite = amend.superseded(raw(edit))

    got = applied(rewrite, 99)

    assert (rewrite.seq, rewrite.expected, rewrite.after) == (5, raw(edit), b"")
    assert got == {key: value for key, value in edit.items() if key != "text"} | {"superseded": True}


def test_a_text_that_looks_like_json_stays_a_text() -> None:
    text = '","deleted":1,"edited":'

    assert applied(amend.edited(raw(TEXT), TEXT, {"text": text}), 7) == {**TEXT, "text": text, "edited": 7}
