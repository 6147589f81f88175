"""Serve health and metrics on a port of their own. `/healthz` tests only the event loop, never Redis."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from roomcast.process.http_runner import make_runner
from roomcast.process.listen import open_sockets
from roomcast.wire.http_log import short_errors

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_HTTP_LOG: Final = short_errors("roomcast.process.http", HttpProcessingError)


@asynccontextmanager
async def serve(
    host: str,
    port: int,
    is_ready: Callable[[], bool],
    exposition: Callable[[], bytes],
    tls: ssl.SSLContext | None = None,
    why: Callable[[], str] = str,
) -> AsyncIterator[int]:
    """Serve `/healthz`, `/readyz` (503 while not ready) and `/metrics`; yield the port. Raises OSError.

    `tls`: None for plain HTTP. `why` returns why the process is not ready, as a text for people; it may be empty.
    """

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        if is_ready():
            return web.Response(text="ready\n")
        reason = why()
        return web.Response(status=503, text=f"not ready: {reason}\n" if reason else "not ready\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": METRICS_TYPE})

    application = web.Application()
    application.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = make_runner(application, logger=_HTTP_LOG, shutdown_timeout=1.0)
    await runner.setup()
    try:
        for listener in open_sockets(host, port):
            await web.SockSite(runner, listener, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()
