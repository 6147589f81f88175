"""LimitedLog writes one line per kind and interval, with the number of omitted lines."""

import logging

import pytest

from roomcast.wire.limited_log import LimitedLog


def test_within_an_interval_one_line_is_logged_and_the_next_line_has_the_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    limited = LimitedLog(logging.getLogger("t"), 10.0, lambda: now)
    for number in range(5):
        limited.warning("packet", "bad packet %d", number)
    limited.warning("other", "another kind")
    now = 12.0
    limited.warning("packet", "bad packet %d", 6)
    assert [record.getMessage() for record in caplog.records] == [
        "bad packet 0",
        "another kind",
        "bad packet 6 (and 4 more in 12 s)",
    ]


def test_after_forget_the_next_line_of_a_kind_is_logged_at_once(caplog: pytest.LogCaptureFixture) -> None:
    limited = LimitedLog(logging.getLogger("t"), 10.0, lambda: 0.0)
    for _ in range(2):
        limited.error("handler", "broken", error=ValueError("why"))
        limited.forget("handler")
    assert len(caplog.records) == 2
    assert "ValueError: why" in caplog.text
