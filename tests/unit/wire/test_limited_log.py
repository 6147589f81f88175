"""One line per kind and interval, with the number of omitted events."""

import logging

import pytest

from roomcast.wire.limited_log import LimitedLog


def test_many_events_leave_one_line_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
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


def test_a_kind_is_logged_at_once_after_forget(caplog: pytest.LogCaptureFixture) -> None:
    limited = LimitedLog(logging.getLogger("t"), 10.0, lambda: 0.0)
    for _ in range(2):
        limited.error("handler", "broken", error=ValueError("why"))
        limited.forget("handler")
    assert len(caplog.records) == 2
    assert "ValueError: why" in caplog.text
