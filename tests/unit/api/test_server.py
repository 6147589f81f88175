"""The HTTP server: time limits for the heads of requests, and a shutdown that waits for requests in flight."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from roomcast.api import server
from tests.waiting import until

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


class Rig:
    """A server of one application. The application answers once `may_answer` is set."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.requests = 0
        self.answered = 0
        self.pieces = [b"ok"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += 1
        await self.may_answer.wait()
        length = str(sum(map(len, self.pieces))).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": piece is not self.pieces[-1]})
        self.answered += 1

    async def is_closed(self) -> bool:
        try:
            _, writer = await self.connect()
        except OSError:
            return True
        writer.close()
        return False

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.address)


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.4)
    made = Rig()
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(server.serve(made, [made.listener], made.stopping, 5.0))
        yield made
        made.may_answer.set()
        made.stopping.set()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD])
async def test_a_connection_without_a_complete_head_is_closed(rig: Rig, sent: bytes) -> None:
    reader, writer = await rig.connect()
    writer.write(sent)
    assert await reader.read() == b""
    writer.close()


async def test_a_connection_with_a_slowly_sent_head_is_closed(rig: Rig) -> None:
    reader, writer = await rig.connect()
    writer.write(HEAD)
    ended = asyncio.get_running_loop().create_task(reader.read())
    while not ended.done():
        writer.write(b"X-Drip: x\r\n")
        await asyncio.wait([ended], timeout=0.05)
    # If a byte arrives after the server has closed the connection, the kernel sends a reset.
    assert isinstance(ended.exception(), ConnectionResetError) or ended.result() == b""
    writer.close()


async def test_a_slow_request_is_not_interrupted(rig: Rig) -> None:
    rig.may_answer.clear()
    reader, writer = await rig.connect()
    writer.write(HEAD + b"\r\n")
    answer = asyncio.get_running_loop().create_task(reader.readuntil(b"ok"))
    done, _ = await asyncio.wait([answer], timeout=0.5)
    assert not done
    rig.may_answer.set()
    assert (await answer).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_connection_that_is_idle_after_an_answer_is_closed(rig: Rig) -> None:
    reader, writer = await rig.connect()
    writer.write(HEAD + b"\r\n")
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    assert await reader.read() == b""
    writer.close()


async def test_a_client_that_does_not_read_its_answer_is_disconnected(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise 500 connections, without any API key, could keep all places for requests until they end."""
    monkeypatch.setattr(server, "UNREAD_SECONDS", 0.2)
    rig.pieces = [bytes([number]) * 1_000_000 for number in range(32)]
    with socket.create_connection(rig.address) as silent:
        silent.sendall(HEAD + b"\r\n")
        await until(lambda: rig.requests, "a request in flight")
        await until(lambda: rig.answered, "the end of the request")


async def test_a_client_that_reads_gets_a_large_answer_as_a_whole(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "IDLE_SECONDS", 20.0)
    rig.pieces = [bytes([number]) * 1_000_000 for number in range(32)]
    reader, writer = await rig.connect()
    writer.write(HEAD + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    assert await reader.readexactly(32_000_000) == b"".join(rig.pieces)
    writer.close()


async def test_the_shutdown_waits_for_requests_in_flight(rig: Rig) -> None:
    rig.may_answer.clear()
    reader, writer = await rig.connect()
    writer.write(HEAD + b"\r\n")
    await until(lambda: rig.requests, "a request in flight")
    rig.stopping.set()
    await until(rig.is_closed, "the listener is closed")
    rig.may_answer.set()
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
