"""One Socket.IO connection over WebSocket: handshake, packets, acks by number, but no checks and no reconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

import orjson

from loadtest import packets
from loadtest.bench import frames
from loadtest.chaos.backoff import retry_after

TARGET: Final = "/socket.io/?EIO=4&transport=websocket"
_EVENT: Final = b"42"


class WireLost(ConnectionError):
    """The connection ended or was never opened; the text says why."""


class Turned(WireLost):
    """The server refused the handshake: HTTP status, seconds of Retry-After (0: none), and the start of the body."""

    def __init__(self, status: int, wait: float, words: str) -> None:
        super().__init__(f"HTTP {status} {words}")
        self.status = status
        self.wait = wait


class Wire(asyncio.Protocol):
    """A connection that calls `on_event(name, payload)`. `lost` resolves at its end; `heard_at`: time of last data."""

    def __init__(self, host: str, on_event: Callable[[str, Any], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.heard_at = self._loop.time()
        self._host = host
        self._on_event = on_event
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._accepted: asyncio.Future[None] = self._loop.create_future()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self._rest = b""
        self._upgraded = False
        self._transport: asyncio.Transport | None = None

    # --- calls ---

    async def opened(self) -> None:
        """Wait for the handshake. Raise WireLost if the connection ends first."""
        await self._opened

    async def sign_in(self, token: str) -> None:
        """Wait for the handshake, then enter namespace `/`. Raise WireLost if the connection ends first."""
        await self._opened
        self._write(packets.connect(token).encode())
        await self._accepted

    async def call(self, name: str, payload: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send an event and return its ack. Raise TimeoutError, or WireLost when the connection ends first."""
        if self.lost.done():
            raise WireLost(self.lost.result())
        number = self._count = self._count + 1
        answer = self._answers[number] = self._loop.create_future()
        self._write(packets.event(name, payload, number).encode())
        try:
            async with asyncio.timeout(seconds):
                return cast("dict[str, Any]", await answer)
        finally:
            self._answers.pop(number, None)

    def emit(self, name: str, payload: dict[str, Any]) -> None:
        self._write(packets.event(name, payload).encode())

    def abort(self, reason: str) -> None:
        """Close the connection at once. Idempotent."""
        self._end(WireLost(reason))
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Stop reading."""
        if self._transport is not None:
            self._transport.pause_reading()

    # --- asyncio.Protocol ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(frames.upgrade_request(self._host, TARGET))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(WireLost(str(exc) if exc else "closed by the server"))

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        data = self._rest + data if self._rest else data
        if not self._upgraded and (data := self._upgrade(data)) == b"" and not self._upgraded:
            return
        try:
            texts, controls, used = frames.split(data)
            self._rest = data[used:]
            for text in texts:
                self._hear(text)
        except ValueError as error:
            self.abort(f"received data is invalid: {error}")
            return
        for control in controls:
            if control.opcode == frames.PING:
                self._write(control.payload, frames.PONG)
            elif control.opcode == frames.CLOSE:
                self.abort("close frame")

    def _upgrade(self, data: bytes) -> bytes:
        """Read the HTTP response; return the bytes after it, or b"" while it is incomplete or when it is a refusal."""
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            self._rest = data
            return b""
        self._rest = b""
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        if status != 101:
            headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
            self._end(Turned(status, retry_after(headers.get("retry-after")), rest.decode("latin-1")[:80]))
            self.abort("refused")
            return b""
        self._upgraded = True
        return rest

    def _hear(self, text: bytes) -> None:
        if text.startswith(_EVENT) and text[2:3] == b"[":
            name, payload = orjson.loads(text[2:])
            self._on_event(name, payload)
            return
        packet = packets.decode(text.decode())
        if packet.kind == "ack" and packet.ack is not None:
            answer = self._answers.get(packet.ack)
            if answer is not None and not answer.done():
                answer.set_result(packet.data[0])
        elif packet.kind == "ping":
            self._write(packets.PONG.encode())
        elif packet.kind == "open" and not self._opened.done():
            self._opened.set_result(None)
        elif packet.kind == "connected" and not self._accepted.done():
            self._accepted.set_result(None)
        elif packet.kind in ("refused", "disconnected", "close"):
            self.abort(f"{packet.kind}: {packet.data}")

    def _write(self, payload: bytes, opcode: int = frames.TEXT) -> None:
        if self._transport is not None and not self.lost.done():
            self._transport.write(frames.client_frame(payload, opcode))

    def _end(self, error: WireLost) -> None:
        if self.lost.done():
            return
        for waiting in (self._opened, self._accepted, *self._answers.values()):
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # marks the exception as retrieved; else asyncio logs it when no caller awaits it
        self.lost.set_result(str(error))  # last: pending calls get the error before a waiter on `lost` cancels them


async def open_wire(host: str, port: int, source: str, on_event: Callable[[str, Any], None]) -> Wire:
    """Open a connection and start its handshake. Raise OSError if the server cannot be reached."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: Wire(f"{host}:{port}", on_event), host, port, local_addr=(source, 0))
    return wire
