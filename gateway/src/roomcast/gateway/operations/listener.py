"""The socket on which clients come in: new WebSockets go past aiohttp, all else goes to it."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

from roomcast.engineio import EngineServer
from roomcast.engineio.front import FrontDoor

_BACKLOG: Final = 4096


class Listener:
    """Listens on `host` and `port` for `engine`, which is attached to the application of `runner`."""

    def __init__(self, runner: web.AppRunner, engine: EngineServer, host: str, port: int) -> None:
        self._runner = runner
        self._address = (host, port)
        self._front: FrontDoor = engine.front(self._behind)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Set the runner up before. Raises OSError when the port is taken."""
        self._server = await asyncio.get_running_loop().create_server(self._front, *self._address, backlog=_BACKLOG)
        self._front.prepare(self._server.sockets)

    async def stop(self) -> None:
        """Accept no more; connections stay. Idempotent."""
        if self._server is not None:
            self._server.close()

    def end(self) -> None:
        """Cut the connections that neither the engine nor aiohttp knows. Idempotent."""
        self._front.close()

    def _behind(self) -> asyncio.Protocol:
        if self._runner.server is None:
            raise RuntimeError("the runner is not set up")
        return self._runner.server()
