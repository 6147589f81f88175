"""Listen for clients: new WebSockets bypass aiohttp, all other requests go to aiohttp."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from aiohttp import web

from roomcast.engineio import EngineServer
from roomcast.engineio.http.listener import DirectListener
from roomcast.gateway.operations.file_descriptors import DescriptorReserve
from roomcast.process.listen import open_sockets

_BACKLOG: Final = 4096


def _ignore(status: int, reason: str) -> None:
    """Count no refusals."""


class Listener:
    """Listens on `host` and `port`, with TLS if `tls` is given.

    The caller has attached `engine` to the application of `runner`.
    """

    def __init__(
        self,
        runner: web.AppRunner,
        engine: EngineServer,
        host: str,
        port: int,
        on_refused: Callable[[int, str], None] = _ignore,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._runner = runner
        self._on_refused = on_refused
        self._address = (host, port)
        self._direct: DirectListener = engine.listener(self._make_http_protocol)
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Start to accept connections; the runner must be set up already. Raises OSError when the port is taken."""
        sockets = open_sockets(*self._address, backlog=_BACKLOG)
        self._direct.prepare(sockets)
        reserve, loop = DescriptorReserve(self._direct, self._on_refused), asyncio.get_running_loop()
        for listener in sockets:
            self._servers.append(await loop.create_server(reserve, sock=listener, backlog=_BACKLOG, ssl=self._tls))

    async def stop(self) -> None:
        """Accept no more connections, and keep the open ones. Idempotent."""
        for server in self._servers:
            server.close()

    def end(self) -> None:
        """Close the connections that neither the engine nor aiohttp has taken over. Idempotent."""
        self._direct.close()

    def _make_http_protocol(self) -> asyncio.Protocol:
        if self._runner.server is None:
            raise RuntimeError("the runner is not set up")
        return self._runner.server()
