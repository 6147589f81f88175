"""Listen for clients: new WebSockets bypass aiohttp, everything else goes to it."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from roomcast.engineio import EngineServer
from roomcast.engineio.listener import DirectListener

_BACKLOG: Final = 4096


class Listener:
    """Listen on `host` and `port` for `engine`, which is attached to the application of `runner`."""

    def __init__(self, runner: web.AppRunner, engine: EngineServer, host: str, port: int) -> None:
        self._runner = runner
        self._address = (host, port)
        self._direct: DirectListener = engine.listener(self._make_http_protocol)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Start to accept connections; set the runner up before. Raises OSError when the port is taken."""
        self._server = await asyncio.get_running_loop().create_server(self._direct, *self._address, backlog=_BACKLOG)
        self._direct.prepare(self._server.sockets)

    async def stop(self) -> None:
        """Accept no more connections, and keep the open ones. Idempotent."""
        if self._server is not None:
            self._server.close()

    def end(self) -> None:
        """Close the connections that neither the engine nor aiohttp has taken over. Idempotent."""
        self._direct.close()

    def _make_http_protocol(self) -> asyncio.Protocol:
        if self._runner.server is None:
            raise RuntimeError("the runner is not set up")
        return self._runner.server()
