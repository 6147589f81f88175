"""Texts of the chat load."""

from __future__ import annotations

import pytest

from loadtest.texts import sent_at, stamped


def test_the_send_time_comes_back_for_this_run_only() -> None:
    text = stamped("ab12", 1_700_000_000.25)
    assert len(text) == 128
    assert sent_at("ab12", text) == pytest.approx(1_700_000_000.25)
    assert sent_at("ffff", text) is None
    assert sent_at("ab12", "hello") is None
