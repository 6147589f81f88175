"""A malformed request leaves a short line, and other errors keep their traceback."""

from __future__ import annotations

import logging

import pytest
from aiohttp.http_exceptions import BadHttpMessage

from roomcast.engineio.http import log as http_log
from roomcast.wire.limited_log import LimitedLog


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of earlier tests hold none back."""
    monkeypatch.setattr(http_log, "_limited", LimitedLog(logging.getLogger(http_log.__name__)))


def log(error: Exception) -> None:
    try:
        raise error
    except Exception:
        http_log.HTTP_LOG.exception("Error handling request from %s", "192.0.2.1")


def test_a_malformed_request_leaves_one_line_without_its_headers(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        log(BadHttpMessage("Cookie: secret"))
    assert [record.getMessage() for record in caplog.records] == ["refused a malformed HTTP request: BadHttpMessage"]
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


def test_an_error_of_ours_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    log(RuntimeError("ours"))
    assert "Traceback" in caplog.text
