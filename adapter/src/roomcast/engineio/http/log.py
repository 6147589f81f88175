"""Log requests that are no HTTP in one short line: aiohttp logs a traceback that quotes their headers."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

from roomcast.wire.limited_log import LimitedLog

_limited = LimitedLog(logging.getLogger(__name__))


class _ShortErrors(logging.Filter):
    """Replaces the record of a malformed request by a line without its content, one in ten seconds."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        _limited.warning("malformed", "refused a malformed HTTP request: %s", type(error).__name__)
        return False


HTTP_LOG: Final = logging.getLogger("roomcast.engineio.http")
"""The logger for an aiohttp server (`web.AppRunner(app, logger=HTTP_LOG)`)."""
HTTP_LOG.addFilter(_ShortErrors())
