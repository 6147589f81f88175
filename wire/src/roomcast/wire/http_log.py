"""Log a malformed HTTP request in one short line, instead of the HTTP server's traceback, which quotes the headers."""

from __future__ import annotations

import logging

from roomcast.wire.limited_log import LimitedLog


class ShortErrors(logging.Filter):
    """Replaces records about a `malformed` request by a line without its content, at most one in ten seconds."""

    def __init__(self, malformed: type[BaseException], log: LimitedLog) -> None:
        super().__init__()
        self._malformed = malformed
        self._log = log

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record unchanged."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, self._malformed):
            return True
        self._log.warning("malformed", "refused a malformed HTTP request: %s", type(error).__name__)
        return False


def short_errors(name: str, malformed: type[BaseException]) -> logging.Logger:
    """Return the logger `name` for an HTTP server that raises `malformed` for a bad request; call it once per name."""
    logger = logging.getLogger(name)
    logger.addFilter(ShortErrors(malformed, LimitedLog(logging.getLogger(f"{name}.malformed"))))
    return logger
