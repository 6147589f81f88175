"""A malformed request is logged in one short line. Other errors keep their traceback."""

from __future__ import annotations

import logging

import pytest

from roomcast.wire.http_log import short_errors
from tests.gateways import unique


class MalformedError(Exception):
    """The exception that a server raises for a request that is not HTTP."""


@pytest.fixture
def logger() -> logging.Logger:
    """Return a logger that no other test uses, because the number of lines is limited per logger."""
    return short_errors(unique("http"), MalformedError)


def log(logger: logging.Logger, error: Exception) -> None:
    try:
        raise error
    except Exception:
        logger.exception("Error handling request from %s", "192.0.2.1")


def test_malformed_requests_are_logged_in_one_line_without_their_headers(
    logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        log(logger, MalformedError("Cookie: secret"))
    assert [record.getMessage() for record in caplog.records] == ["refused a malformed HTTP request: MalformedError"]
    assert "secret" not in caplog.text
    assert "Traceback" not in caplog.text


def test_another_error_keeps_its_traceback(logger: logging.Logger, caplog: pytest.LogCaptureFixture) -> None:
    log(logger, RuntimeError("ours"))
    assert "Traceback" in caplog.text
