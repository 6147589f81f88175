"""Detach a connection from aiohttp. Only this file uses aiohttp's internals (3.14, pinned).

aiohttp's own WebSocket keeps a request, a task and two parsers per connection: 14 KiB. This module removes the
connection from aiohttp after the handshake. The transport gets another protocol, and aiohttp's protocol gets
`connection_lost`, after which aiohttp frees its memory for the connection.

`on_client_gone` uses a private hook of aiohttp, too, because aiohttp does not tell a handler that the client has
disconnected. (aiohttp cancels handlers only if it is configured to.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.web_request import BaseRequest


class Detached(web.StreamResponse):
    """The answer of a handler whose connection was detached. It writes nothing."""

    def __init__(self) -> None:
        super().__init__(status=101)

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Close the connection for aiohttp, without sending an answer."""
        self.force_close()
        return None

    async def write_eof(self, data: Any = b"") -> None:
        """Send nothing."""
        return


def detach(request: web.Request, protocol: asyncio.Protocol) -> bytes | None:
    """Give the connection of `request` to `protocol` (its `connection_made` is called).

    Return the bytes that the client sent after its handshake, or None when the connection is lost.
    """
    handler: Any = request.protocol
    transport: asyncio.Transport | None = handler.transport
    if transport is None or transport.is_closing():
        return None
    tail: bytes = handler._message_tail
    handler._message_tail = b""
    transport.set_protocol(protocol)
    handler.transport = None  # so that aiohttp does not close the transport
    handler.connection_lost(None)
    protocol.connection_made(transport)
    if not transport.is_reading():
        transport.resume_reading()  # aiohttp pauses reading when there are many unread bytes
    return tail


def on_client_gone(request: web.Request, callback: Callable[[], None]) -> None:
    """Call `callback` when the client's connection is lost while the handler of `request` runs."""
    cancel = request._cancel

    def gone(error: BaseException) -> None:
        cancel(error)
        callback()

    request.__dict__["_cancel"] = gone
