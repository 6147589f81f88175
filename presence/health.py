"""`/healthz` (the loop runs), `/readyz` (Redis answers) and `/metrics`, on a port of their own."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web


def make_app(is_ready: Callable[[], bool], exposition: Callable[[], bytes], content_type: str) -> web.Application:
    """The three endpoints; liveness never depends on Redis, or an outage would restart every process."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ready\n") if is_ready() else web.Response(status=503, text="not ready\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=exposition(), headers={"Content-Type": content_type})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    return app
