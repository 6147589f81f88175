"""Two stock Socket.IO clients behind one interface: socket.io-client on Node, and python-socketio.

Both keep their defaults, including reconnection. A listener receives their events. Changes of transport, disconnects
and failed connects are the events `transport`, `disconnect` and `connect_error`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import socketio

from deploy import web_build

Json = dict[str, Any]
Listener = Callable[[str, Json], None]

CLIENT = Path(__file__).with_name("client")
CLOSE_SECONDS = 5.0
LINE_BYTES = 8 * 2**20


class NoAnswer(Exception):
    """No ack arrived in time: the event may or may not have been handled."""


class Wire(Protocol):
    """One client and its connection."""

    async def open(self, url: str, token: str, transports: Sequence[str], listen: Listener) -> None:
        """Start connecting; without `transports` the client uses its default."""

    async def call(self, event: str, payload: Json, seconds: float) -> Json:
        """Emit an event and return its ack. Raise NoAnswer after `seconds`."""
        ...

    async def emit(self, event: str, payload: Json) -> None:
        """Emit an event without an ack."""

    async def close(self) -> None: ...


class NodeWire:
    """socket.io-client in a Node process of its own."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._calls: dict[int, asyncio.Future[Json | None]] = {}

    async def open(self, url: str, token: str, transports: Sequence[str], listen: Listener) -> None:
        web_build.install_packages(CLIENT)
        node = shutil.which("node")
        assert node is not None
        self._process = await asyncio.create_subprocess_exec(
            node,
            str(CLIENT / "client.mjs"),
            url,
            token,
            ",".join(transports),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        self._reader = asyncio.get_running_loop().create_task(self._read(listen))

    async def _read(self, listen: Listener) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "call" in said:
                self._calls.pop(said["call"]).set_result(said["answer"])
            else:
                listen(said["event"], said.get("payload") or {})
        for call in self._calls.values():
            call.set_result(None)

    async def call(self, event: str, payload: Json, seconds: float) -> Json:
        number = next(self._numbers)
        answer: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._calls[number] = answer
        await self._write({"event": event, "payload": payload, "call": number, "within_ms": round(seconds * 1000)})
        if (found := await answer) is None:
            raise NoAnswer(event)
        return found

    async def emit(self, event: str, payload: Json) -> None:
        await self._write({"event": event, "payload": payload})

    async def _write(self, line: Json) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        await self._process.stdin.drain()

    def kill(self) -> None:
        """Send SIGKILL: the connection ends without a close."""
        self._process.kill()

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), CLOSE_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader


class PythonWire:
    """python-socketio's asyncio client."""

    def __init__(self) -> None:
        self._io = socketio.AsyncClient()

    async def open(self, url: str, token: str, transports: Sequence[str], listen: Listener) -> None:
        async def hear(event: str, payload: Json | None = None) -> None:
            listen(event, payload or {})

        async def connected() -> None:
            listen("transport", {"name": self._io.transport()})

        async def disconnected(reason: str) -> None:
            listen("disconnect", {"reason": reason})

        self._io.on("*", hear)
        self._io.on("connect", connected)
        self._io.on("disconnect", disconnected)
        await self._io.connect(url, auth={"token": token}, transports=list(transports) or None, wait_timeout=10)

    async def call(self, event: str, payload: Json, seconds: float) -> Json:
        try:
            answer: Json = await self._io.call(event, payload, timeout=seconds)
        except (socketio.exceptions.TimeoutError, socketio.exceptions.BadNamespaceError):
            raise NoAnswer(event) from None
        return answer

    async def emit(self, event: str, payload: Json) -> None:
        await self._io.emit(event, payload)

    async def close(self) -> None:
        await self._io.shutdown()


KINDS: dict[str, Callable[[], Wire]] = {"node": NodeWire, "python": PythonWire}
