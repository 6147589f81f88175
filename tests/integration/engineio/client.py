"""Raw clients for the Engine.IO tests, written without a client library, and a server in the test's process."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientResponse, ClientSession, web

from roomcast.engineio.http.log import HTTP_LOG
from roomcast.engineio.websocket.rfc6455 import BINARY, CLOSE, TEXT
from roomcast.gateway.operations.listener import Listener
from tests.servers import free_port
from tests.websocket_frames import masked

WAIT_SECONDS = 5.0


@asynccontextmanager
async def serving(server: Any, path: str, *, has_front: bool = True) -> AsyncIterator[str]:
    """Serve an `EngineServer` or a `SocketServer` under `/<path>/`; yield its address, `host:port`.

    With `has_front`, serve through a `Listener`, as gateways do. Otherwise serve through aiohttp alone, as other
    projects may do.
    """
    app = web.Application()
    server.attach(app, path)
    runner = web.AppRunner(app, access_log=None, logger=HTTP_LOG)
    await runner.setup()
    port = free_port()
    engine = getattr(server, "eio", server)
    listener = Listener(runner, engine, "127.0.0.1", port) if has_front else None
    await (listener or web.TCPSite(runner, "127.0.0.1", port)).start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        if listener is not None:
            await listener.stop()
            listener.end()
        await server.shutdown()
        await runner.cleanup()


def soon(awaitable: Awaitable[Any]) -> Any:
    return asyncio.wait_for(awaitable, WAIT_SECONDS)


class WebSocket:
    """A client that writes and reads frames as bytes. So a test can violate the protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, address: str, path: str, *, headers: dict[str, str] | None = None, sid: str = "") -> WebSocket:
        """Connect and perform the handshake. Raises AssertionError with the response head if the status is not 101."""
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        socket = cls(reader, writer)
        query = "EIO=4&transport=websocket" + (f"&sid={sid}" if sid else "")
        lines = {
            "Host": address,
            "Upgrade": "websocket",
            "Connection": "keep-alive, Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **(headers or {}),
        }
        head = f"GET /{path}/?{query} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items())
        writer.write(head.encode() + b"\r\n")
        answer = await soon(reader.readuntil(b"\r\n\r\n"))
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return socket

    def write_frame(self, opcode: int, payload: bytes, *, fin: bool = True) -> None:
        self.writer.write(masked(opcode, payload, fin=fin))

    def send(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.write_frame(TEXT, data.encode())
        else:
            self.write_frame(BINARY, data)

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame: opcode and payload."""
        head = await soon(self.reader.readexactly(2))
        size = head[1]
        if size >= 126:
            size = int.from_bytes(await soon(self.reader.readexactly(2 if size == 126 else 8)), "big")
        return head[0] & 0x0F, await soon(self.reader.readexactly(size))

    async def receive(self) -> str | bytes:
        """Return the next message. Raises AssertionError if the next frame is a control frame."""
        opcode, payload = await self.frame()
        assert opcode in (TEXT, BINARY), (opcode, payload)
        return payload.decode() if opcode == TEXT else payload

    async def closed(self) -> int:
        """Read up to the close frame and answer it; return its code, or 0 without a close frame."""
        while True:
            try:
                opcode, payload = await self.frame()
            except (asyncio.IncompleteReadError, ConnectionError):
                return 0
            if opcode == CLOSE:
                self.write_frame(CLOSE, payload)
                assert await soon(self.reader.read(1)) == b"", "the server ends the connection"
                return int.from_bytes(payload[:2], "big")

    def drop(self) -> None:
        """Reset the connection without a close frame."""
        self.writer.transport.abort()


class Polling:
    """A long-polling client."""

    def __init__(self, http: ClientSession, url: str) -> None:
        self.http = http
        self.url = url
        self.sid = ""

    @classmethod
    async def open(cls, http: ClientSession, address: str, path: str) -> Polling:
        client = cls(http, f"http://{address}/{path}/?EIO=4&transport=polling")
        async with http.get(client.url) as answer:
            assert answer.status == 200, await answer.text()
            client.sid = json.loads((await answer.text())[1:])["sid"]
        client.url += f"&sid={client.sid}"
        return client

    async def get(self) -> tuple[int, str]:
        async with self.http.get(self.url) as answer:
            return answer.status, await answer.text()

    async def post(self, body: str | bytes) -> tuple[int, str]:
        async with self.http.post(self.url, data=body) as answer:
            return answer.status, await answer.text()


async def body(answer: ClientResponse) -> Any:
    return json.loads(await answer.text())
