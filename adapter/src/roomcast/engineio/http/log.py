"""The logger for an aiohttp server of clients: a malformed request leaves one short line."""

from __future__ import annotations

from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

from roomcast.wire.http_log import short_errors

HTTP_LOG: Final = short_errors("roomcast.engineio.http", HttpProcessingError)
"""The logger, for `web.AppRunner(app, logger=HTTP_LOG)`."""
