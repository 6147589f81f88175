"""Run an ASGI application on uvicorn, in the event loop and with the signals of the process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

BACKLOG: Final = 1_024
MAX_CONNECTIONS: Final = 2_000
IDLE_SECONDS: Final = 75
"""Longer than nginx keeps an idle upstream connection (60 s), so that nginx never uses one that is being closed."""


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: the process has handlers of its own."""
        yield


async def serve(
    application: ASGIApp, listeners: Sequence[socket.socket], stopping: asyncio.Event, drain_seconds: float
) -> None:
    """Serve until `stopping` is set; then close the listeners, and wait so long for requests in flight."""
    config = uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        http="h11",
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=max(1, round(drain_seconds)),
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.serve(sockets=list(listeners)))
        waiting = group.create_task(stopping.wait())
        waiting.add_done_callback(lambda _: setattr(server, "should_exit", True))
        await running
        waiting.cancel()
