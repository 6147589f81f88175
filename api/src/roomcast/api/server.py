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

UNREAD_SECONDS: Final = 45.0
"""Seconds after which a connection ends if the client does not read an answer that waits in the process's memory."""


class _Protocol(H11Protocol):
    """HTTP/1.1 with limits on the times in which a request's head must arrive, and in which an answer must be read."""

    _head_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None

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

    def pause_writing(self) -> None:
        """Expect the client to read what is unsent within `UNREAD_SECONDS`."""
        super().pause_writing()
        self._forget_unread()
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the timer when the client has read enough."""
        self._forget_unread()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        self._forget_timer()
        self._forget_unread()
        super().connection_lost(exc)

    def _expect_head(self, seconds: float) -> None:
        self._forget_timer()
        self._head_timer = self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        """Close the connection, at once also if the client has not read the last answer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    def _forget_unread(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

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
