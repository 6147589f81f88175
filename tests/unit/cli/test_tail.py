"""The line of a message in `roomcast tail`."""

from __future__ import annotations

from typing import Any

import pytest

from roomcast.cli.tail import line

MESSAGE: dict[str, Any] = {"time": 0, "seq": 7, "kind": "text", "user": "ada", "text": "two\nlines"}


def test_a_message_is_one_line() -> None:
    assert line(MESSAGE).split() == ["7", "text", "ada:", "two", "lines"]
    assert line({**MESSAGE, "kind": "edit", "target": 3}).split()[:4] == ["7", "edit", "of", "3"]


@pytest.mark.parametrize("field", ["text", "user", "kind", "target"])
def test_no_field_can_send_control_characters_to_the_terminal(field: str) -> None:
    """An attacker may have written the message."""
    assert line({**MESSAGE, field: "a\x1b]0;b\u202e"}).isprintable()
