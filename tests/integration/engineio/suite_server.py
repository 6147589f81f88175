"""The two small servers that the official test suites of the protocols connect to.

    python -m tests.integration.engineio.suite_server engine.io     # for the Engine.IO v4 suite, on port 3000
    python -m tests.integration.engineio.suite_server socket.io     # for the Socket.IO v5 suite, on port 3000

The suites are in the repository socketio/socket.io under `docs/`. They are not part of this project.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import uvloop
from aiohttp import web

from roomcast.engineio import EngineServer, Rules
from roomcast.socketio.server import create_server

RULES = Rules(ping_interval=0.3, ping_timeout=0.2, connect_seconds=1.0)


def engineio_app() -> web.Application:
    """Return an application that echoes every message."""
    eio = EngineServer(node="1", rules=replace(RULES, connect_seconds=60), cors_allowed_origins="*")
    eio.on("message", eio.send)
    app = web.Application()
    eio.attach(app, "engine.io")
    return app


def socketio_app(node: str = "1") -> web.Application:
    """Return an application that sends `auth` on connect, answers `message` and acks `message-with-ack`."""
    sio = create_server(
        node=node, rules=RULES, cors_allowed_origins="*", always_connect=True, namespaces=["/", "/custom"]
    )

    async def connect(sid: str, environ: dict[str, Any], auth: Any) -> None:
        namespace = "/" if sio.manager.is_connected(sid, "/") else "/custom"
        await sio.emit("auth", auth or {}, to=sid, namespace=namespace)

    async def message(sid: str, *args: Any) -> None:
        await sio.emit("message-back", args, to=sid)

    async def message_with_ack(sid: str, *args: Any) -> tuple[Any, ...]:
        return args

    for namespace in ("/", "/custom"):
        sio.on("connect", connect, namespace)
        sio.on("message", message, namespace)
        sio.on("message-with-ack", message_with_ack, namespace)
    app = web.Application()
    sio.attach(app, "socket.io")
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(engineio_app() if sys.argv[1:] == ["engine.io"] else socketio_app(), host="127.0.0.1", port=3000)
