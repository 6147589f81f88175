"""A TCP proxy on loopback that simulates a bad network without root: it delays data, or drops one direction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from roomcast.wire.tasks import TaskSet

_CHUNK = 65_536


class Proxy:
    """A proxy that forwards bytes in order, each chunk `delay()` seconds after it arrived.

    `deafen(word)` drops the server's data on connections whose first bytes contain the word.
    """

    def __init__(self, target_port: int, delay: Callable[[], float] | None = None) -> None:
        self.delay = delay
        self._target = target_port
        self._hellos: list[bytearray] = []
        self._deaf: list[bytearray] = []
        self._server: asyncio.Server | None = None
        self._tasks = TaskSet()

    async def listen(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        await self._tasks.cancel()

    def deafen(self, word: bytes) -> int:
        """Drop the server's data on open connections whose first bytes contain `word`; return their number."""
        self._deaf = [hello for hello in self._hellos if word in hello]
        return len(self._deaf)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        hello = bytearray()
        self._hellos.append(hello)
        ways = [
            self._tasks.start(self._pass_on(reader, far_writer, hello, is_answer=False), "proxy up"),
            self._tasks.start(self._pass_on(far_reader, writer, hello, is_answer=True), "proxy down"),
        ]
        with suppress(asyncio.CancelledError):
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        for end in (writer, far_writer):
            end.transport.abort()
        self._hellos = [one for one in self._hellos if one is not hello]

    async def _pass_on(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, hello: bytearray, *, is_answer: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        writing = self._tasks.start(_write(queue, sink), "proxy writer")
        try:
            with suppress(OSError):
                while data := await source.read(_CHUNK):
                    if not is_answer and len(hello) < _CHUNK:
                        hello += data
                    if is_answer and any(one is hello for one in self._deaf):
                        continue
                    queue.put_nowait((loop.time() + (self.delay() if self.delay else 0.0), data))
        finally:
            writing.cancel()


async def _write(queue: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):
        while True:
            due, data = await queue.get()
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            sink.write(data)
