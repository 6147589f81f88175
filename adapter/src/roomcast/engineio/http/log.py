"""The logger for an aiohttp server that clients connect to. It logs one short line for a malformed request."""

from __future__ import annotations

from typing import Final

from aiohttp.http_exceptions import HttpProcessingError

from roomcast.wire.http_log import short_errors

HTTP_LOG: Final = short_errors("roomcast.engineio.http", HttpProcessingError)
"""The logger, for `web.AppRunner(app, logger=HTTP_LOG)`."""
