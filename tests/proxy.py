"""TCP proxies that disturb connections: one drops the server's data, one closes connections, one delays data."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class MutingProxy:
    """A proxy to `target`. While `is_muted`, it drops the data for every client that has sent the bytes `mark`.

    `swallowed` is the dropped data.
    """

    def __init__(self, target: int, mark: bytes) -> None:
        self.port = 0
        self.is_muted = False
        self.target = target
        self.swallowed = bytearray()
        self._mark = mark

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        marked = asyncio.Event()

        async def forward() -> None:
            while data := await reader.read(65_536):
                if self._mark in data:
                    marked.set()
                upstream_writer.write(data)

        async def backward() -> None:
            while data := await upstream_reader.read(65_536):
                if self.is_muted and marked.is_set():
                    self.swallowed += data
                else:
                    writer.write(data)

        with suppress(ConnectionError):
            await asyncio.wait(
                [asyncio.ensure_future(forward()), asyncio.ensure_future(backward())],
                return_when=asyncio.FIRST_COMPLETED,
            )
        for end in (writer, upstream_writer):
            end.close()


@asynccontextmanager
async def muting_proxy(target: int, mark: bytes) -> AsyncIterator[MutingProxy]:
    proxy = MutingProxy(target, mark)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy


class CuttableProxy:
    """A proxy to `target`. `cut` closes all connections, and each new connection at once until `restore`."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.target = target
        self.is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Close every connection, and refuse new ones until `restore`."""
        self.is_cut = True
        for writer in self._writers:
            writer.transport.abort()

    def restore(self) -> None:
        """Forward again."""
        self.is_cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        ends = {writer, upstream_writer}
        self._writers |= ends
        try:
            await asyncio.wait(
                [
                    asyncio.ensure_future(_copy(reader, upstream_writer)),
                    asyncio.ensure_future(_copy(upstream_reader, writer)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)


@asynccontextmanager
async def cuttable_proxy(target: int) -> AsyncIterator[CuttableProxy]:
    proxy = CuttableProxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
        proxy.cut()


class SlowProxy:
    """A proxy that forwards every byte to `target` and back `delay_seconds` later."""

    def __init__(self, target: int, delay_seconds: float) -> None:
        self.port = 0
        self.target = target
        self._delay = delay_seconds

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target)
        with suppress(ConnectionError):
            await asyncio.wait(
                [
                    asyncio.ensure_future(self._forward(reader, upstream_writer)),
                    asyncio.ensure_future(self._forward(upstream_reader, writer)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        for end in (writer, upstream_writer):
            end.close()

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await source.read(65_536):
            loop.call_later(self._delay, target.write, data)
        await asyncio.sleep(self._delay)


@asynccontextmanager
async def slow_proxy(target: int, delay_seconds: float) -> AsyncIterator[SlowProxy]:
    proxy = SlowProxy(target, delay_seconds)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy
