"""A stock python-socketio server. A client joins the room in its CONNECT; event `m` is relayed to the room it names.

The server keeps no log. The benchmark's clients request no acks from it. It runs in a virtual environment of its own.
Usage: stock_server.py <port> <redis url> <asyncio|uvloop>
"""

from __future__ import annotations

import sys
from typing import Any

import socketio
from aiohttp import web


def application(redis_url: str) -> web.Application:
    server = socketio.AsyncServer(
        async_mode="aiohttp", client_manager=socketio.AsyncRedisManager(redis_url), transports=["websocket"]
    )

    async def connect(sid: str, environ: dict[str, Any], auth: dict[str, str]) -> None:
        await server.enter_room(sid, auth["room"])

    async def relay(sid: str, message: dict[str, str]) -> None:
        await server.emit("m", message, to=message["room"])

    server.on("connect", connect)
    server.on("m", relay)
    app = web.Application()
    server.attach(app)
    return app


def main(port: str, redis_url: str, loop_kind: str) -> None:
    if loop_kind == "uvloop":
        import uvloop

        uvloop.install()
    web.run_app(
        application(redis_url),
        host="127.0.0.1",
        port=int(port),
        access_log=None,
        print=None,
        backlog=4096,
        shutdown_timeout=0.2,
    )


if __name__ == "__main__":
    main(*sys.argv[1:4])
