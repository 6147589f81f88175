"""Run an ASGI application on uvicorn, in the event loop of the process and with its signal handlers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG: Final = 1_024
MAX_CONNECTIONS: Final = 2_000
HEAD_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 75
"""Seconds after which an idle connection is closed. nginx closes its side first, after 60 s, so that it never sends a
request on a connection that is being closed."""


class _Protocol(H11Protocol):
    """HTTP/1.1 with a limit on the time in which the head of a request must arrive."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Expect a head within `HEAD_SECONDS`."""
        super().connection_made(transport)
        self._expect_head(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """Stop the timer when a request is complete and is being answered."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_timer()

    def on_response_complete(self) -> None:
        """Expect the next head within `IDLE_SECONDS`."""
        super().on_response_complete()
        if self.cycle is None or self.cycle.response_complete:
            self._expect_head(IDLE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timer."""
        self._forget_timer()
        super().connection_lost(exc)

    def _expect_head(self, seconds: float) -> None:
        self._forget_timer()
        self._head_timer = self.loop.call_later(seconds, self.transport.close)

    def _forget_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class _Server(uvicorn.Server):
    """A server that leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals: the process has its own handlers."""
        yield


async def serve(
    application: ASGIApp,
    listeners: Sequence[socket.socket],
    stopping: asyncio.Event,
    drain_seconds: float,
    certificate: str | None = None,
    key: str | None = None,
) -> None:
    """Serve until `stopping` is set. Then close the listeners, and wait `drain_seconds` for open requests.

    `certificate` and `key`: PEM files; None for plain HTTP.
    """
    server = _Server(_config(application, drain_seconds, certificate, key))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.serve(sockets=list(listeners)))
        waiting = group.create_task(stopping.wait())
        waiting.add_done_callback(lambda _: setattr(server, "should_exit", True))
        await running
        waiting.cancel()


def _config(application: ASGIApp, drain_seconds: float, certificate: str | None, key: str | None) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        http=_Protocol,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=max(1, round(drain_seconds)),
    )
