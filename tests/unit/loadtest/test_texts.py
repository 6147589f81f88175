"""The message texts of a load test, which contain the run and the send time."""

from __future__ import annotations

import pytest

from loadtest.texts import sent_at, stamped


def test_the_send_time_is_read_only_from_texts_of_the_same_run() -> None:
    text = stamped("ab12", 1_700_000_000.25)
    assert len(text) == 128
    assert sent_at("ab12", text) == pytest.approx(1_700_000_000.25)
    assert sent_at("ffff", text) is None
    assert sent_at("ab12", "hello") is None
