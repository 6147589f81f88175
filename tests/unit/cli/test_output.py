"""Tables and times as the operator command prints them."""

from __future__ import annotations

import json

from roomcast.cli import output, tail


def test_columns_are_aligned_and_numbers_right_justified() -> None:
    rows = [{"room": "public:lobby", "seq": 7}, {"room": "x", "seq": 1234}]
    assert output.table(rows, ("room", "seq")).splitlines() == [
        "ROOM           SEQ",
        "public:lobby     7",
        "x             1234",
    ]


def test_an_empty_table_has_only_its_heading() -> None:
    assert output.table([], ("room", "seq")) == "ROOM  SEQ"


def test_control_characters_are_not_printed() -> None:
    rows = [{"note": "\x1b[31mred\x07\u202eevil"}]
    assert output.table(rows, ("note",)).splitlines()[1] == "?[31mred??evil"


def test_json_escapes_control_characters() -> None:
    """Terminals also act on C1 and bidi controls. A table shows each control character as `?`."""
    rows = [{"note": "\x1b\x9b31m\u202eé\U000e0001\n"}]
    for indent in (2, None):
        text = output.as_json(rows, indent=indent)
        assert json.loads(text) == rows
        assert all(one.isprintable() or one == "\n" for one in text)
    assert "é" in text


def test_times_are_in_utc_and_zero_is_empty() -> None:
    assert output.moment(1_700_000_000_123) == "2023-11-14 22:13:20"
    assert output.moment(0) == ""


def test_a_message_is_one_printable_line() -> None:
    message = {"time": 1_700_000_000_000, "seq": 3, "kind": "text", "user": "ada", "text": "two\nlines\x1b[2J"}
    assert tail.line(message) == "2023-11-14 22:13:20       3  text        ada: two lines?[2J"
    deletion = {"time": 1_700_000_000_000, "seq": 4, "kind": "delete", "user": "ada", "target": 3}
    assert tail.line(deletion) == "2023-11-14 22:13:20       4  delete of 3  ada:"
