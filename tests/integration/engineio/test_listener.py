"""The front of a listener, which answers WebSocket requests itself and leaves other requests to aiohttp."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession

from roomcast.engineio import Admission, Caller, Decide, EngineServer, Refusal, Rules, Withdraw
from roomcast.engineio.http import listener
from roomcast.engineio.websocket.rfc6455 import TEXT
from tests.integration.engineio.client import Polling, WebSocket, serving, soon
from tests.waiting import until
from tests.websocket_frames import masked

PATH = "engine.io"
QUERY = "EIO=4&transport=websocket"


def opening(*more: str, query: str = QUERY) -> bytes:
    key = base64.b64encode(bytes(16)).decode()
    lines = ("Host: a.example", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    head = (f"GET /{PATH}/?{query} HTTP/1.1", *lines, f"Sec-WebSocket-Key: {key}", *more)
    return "\r\n".join((*head, "", "")).encode()


@asynccontextmanager
async def server(*, has_front: bool = True, **options: Any) -> AsyncIterator[tuple[EngineServer, str]]:
    eio = EngineServer(node="7", **options)
    eio.on("message", eio.send)
    async with serving(eio, PATH, has_front=has_front) as address:
        yield eio, address


async def connection(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.partition(":")
    return await asyncio.open_connection(host, int(port))


async def answer(address: str, *parts: bytes) -> tuple[str, WebSocket]:
    """Send a request in `parts`; return the head of the answer, and the connection."""
    reader, writer = await connection(address)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.01)
    head = await soon(reader.readuntil(b"\r\n\r\n"))
    return head.decode(), WebSocket(reader, writer)


async def echoes(socket: WebSocket) -> None:
    assert str(await socket.receive()).startswith("0{")
    socket.send("4hello")
    assert await socket.receive() == "4hello"
    socket.drop()


async def test_aiohttp_does_not_get_a_plain_websocket_request() -> None:
    def behind() -> asyncio.Protocol:
        raise AssertionError("aiohttp got the request")

    async with server() as (eio, _):
        listener = await asyncio.get_running_loop().create_server(eio.listener(behind), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        head, socket = await answer(f"127.0.0.1:{port}", opening("X-Forwarded-For: 203.0.113.9"))
        assert head.startswith("HTTP/1.1 101 ")
        assert [session.peer for session in eio.sockets.values()] == ["203.0.113.9"]
        await echoes(socket)
        listener.close()


@pytest.mark.parametrize("has_front", [True, False])
async def test_the_server_works_with_and_without_the_front(*, has_front: bool) -> None:
    async with server(has_front=has_front) as (_, address), ClientSession() as http:
        await echoes(await WebSocket.open(address, PATH))
        client = await Polling.open(http, address, PATH)
        assert (await client.post("4hello"))[0] == 200
        assert await client.get() == (200, "4hello")
        async with http.get(f"http://{address}/elsewhere") as other:
            assert other.status == 404


@pytest.mark.parametrize("cut", [1, 20, -3, -1])
async def test_a_request_in_several_pieces_is_answered(cut: int) -> None:
    async with server() as (_, address):
        request = opening()
        head, socket = await answer(address, request[:cut], request[cut:])
        assert head.startswith("HTTP/1.1 101 ")
        await echoes(socket)


async def test_frames_sent_together_with_the_request_are_read() -> None:
    async with server() as (_, address):
        head, socket = await answer(address, opening() + masked(TEXT, b"4early"))
        assert head.startswith("HTTP/1.1 101 ")
        assert str(await socket.receive()).startswith("0{")
        assert await socket.receive() == "4early"
        socket.drop()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (opening(query="EIO=3&transport=websocket"), 400),
        (opening(query=QUERY + "&sid=g7.unknown"), 400),
        (opening("Origin: https://elsewhere.example"), 403),
        (opening("Origin: https://a.example", "Origin: https://a.example"), 403),
        (opening().replace(b"Version: 13", b"Version: 8"), 426),
        (opening().replace(b"AAAA=", b"AAA="), 400),
        (opening().replace(b"Connection: Upgrade", b"Connection: close"), 400),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_a_refused_request_gets_the_same_status_with_and_without_the_front(
    request_bytes: bytes, status: int
) -> None:
    for has_front in (True, False):
        async with server(has_front=has_front) as (eio, address):
            head, socket = await answer(address, request_bytes)
            assert head.split(" ")[1] == str(status)
            assert not eio.sockets
            socket.drop()


async def test_a_client_is_refused_when_its_address_has_too_many_unfinished_sessions() -> None:
    async with server(rules=Rules(max_pending_per_peer=1)) as (_, address):
        _, first = await answer(address, opening())
        head, second = await answer(address, opening())
        assert head.startswith("HTTP/1.1 429 ")
        first.drop()
        second.drop()


def after(seconds: float) -> Admission:
    """Return an admission that delays the start of every session."""

    def admit(caller: Caller, decide: Decide) -> Withdraw:
        asyncio.get_running_loop().call_later(seconds, decide, None)
        return lambda: None

    return admit


class TestWaiting:
    """Clients that wait until the application admits them."""

    async def test_a_client_that_disconnects_while_waiting_is_not_admitted(self) -> None:
        async with server() as (eio, address):
            places: list[Decide] = []
            withdrawn: list[Caller] = []

            def admit(caller: Caller, decide: Decide) -> Withdraw:
                places.append(decide)
                return lambda: withdrawn.append(caller)

            eio.admission = admit
            _, writer = await connection(address)
            writer.write(opening())
            await until(lambda: places, "the client waits")
            writer.close()
            await until(lambda: withdrawn, "the client has withdrawn")
            assert places[0](None) is False
            assert not eio.sockets

    async def test_packets_sent_while_waiting_are_read_once_the_session_has_begun(self) -> None:
        async with server() as (eio, address):
            places: list[Decide] = []

            def admit(caller: Caller, decide: Decide) -> Withdraw:
                places.append(decide)
                return lambda: None

            eio.admission = admit
            reader, writer = await connection(address)
            writer.write(opening())
            await until(lambda: places, "the client waits")
            writer.write(masked(TEXT, b"4early"))
            await writer.drain()
            await asyncio.sleep(0.05)
            assert places[0](None) is True
            assert (await soon(reader.readuntil(b"\r\n\r\n"))).startswith(b"HTTP/1.1 101 ")
            await soon(reader.readuntil(b"4early"))
            writer.close()

    async def test_a_refusal_has_a_retry_after_and_ends_the_connection(self) -> None:
        async with server(cors_allowed_origins="*") as (eio, address):
            asked: list[Caller] = []

            def admit(caller: Caller, decide: Decide) -> Withdraw:
                asked.append(caller)
                decide(Refusal(503, 4, "Full", retry_after=7, reason="full"))
                return lambda: None

            eio.admission = admit
            head, socket = await answer(address, opening("Origin: https://b.example"))
            lines = head.split("\r\n")
            assert lines[0] == "HTTP/1.1 503 Service Unavailable"
            assert {"Retry-After: 7", "Access-Control-Allow-Origin: https://b.example"} <= set(lines)
            assert await soon(socket.reader.read()) == b'{"code":4,"message":"Full","reason":"full"}'
            assert [caller.peer for caller in asked] == ["127.0.0.1"]
            assert not eio.sockets

    async def test_a_waiting_client_is_admitted_when_the_delay_is_over(self) -> None:
        async with server() as (eio, address):
            eio.admission = after(0.05)
            head, socket = await answer(address, opening())
            assert head.startswith("HTTP/1.1 101 ")
            await echoes(socket)

    @pytest.mark.parametrize("has_front", [True, False])
    async def test_waiting_clients_count_against_their_address_until_they_disconnect(self, *, has_front: bool) -> None:
        rules = Rules(max_pending_per_peer=3)
        async with server(has_front=has_front, rules=rules) as (eio, address):
            eio.admission = after(0.3)
            answers = await asyncio.gather(*(answer(address, opening()) for _ in range(8)))
            heads = [head.split(" ")[1] for head, _ in answers]
            assert sorted(heads) == ["101"] * 3 + ["429"] * 5
            for _, socket in answers:
                socket.drop()
            await until(lambda: not eio.sockets, "all sessions are closed")
            head, _ = await answer(address, opening())
            assert head.startswith("HTTP/1.1 101 ")

    async def test_waiting_clients_are_refused_when_the_server_stops_accepting(self) -> None:
        async with server() as (eio, address):
            waiting = asyncio.Event()

            def admit(caller: Caller, decide: Decide) -> Withdraw:
                waiting.set()
                return after(0.05)(caller, decide)

            eio.admission = admit
            asked = asyncio.ensure_future(answer(address, opening()))
            await soon(waiting.wait())
            eio.stop_accepting()
            head, socket = await asked
            assert head.startswith("HTTP/1.1 503 ")
            socket.drop()


class TestTheApplication:
    @pytest.mark.parametrize("is_async", [True, False])
    @pytest.mark.parametrize(("verdict", "status"), [(None, 101), (True, 101), (False, 401)])
    async def test_the_connect_handler_may_refuse_a_session(
        self, verdict: bool | None, status: int, *, is_async: bool
    ) -> None:
        async with server() as (eio, address):
            seen: list[dict[str, Any]] = []

            def plain(sid: str, environ: dict[str, Any]) -> bool | None:
                seen.append(environ)
                return verdict

            async def slow(sid: str, environ: dict[str, Any]) -> bool | None:
                await asyncio.sleep(0.01)
                return plain(sid, environ)

            eio.on("connect", slow if is_async else plain)
            head, socket = await answer(address, opening("User-Agent: test", "X-Own: a", "X-Own: b"))
            assert head.split(" ")[1] == str(status)
            environ = seen[0]
            assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (f"/{PATH}/", QUERY)
            assert (environ["HTTP_USER_AGENT"], environ["HTTP_X_OWN"]) == ("test", "a,b")
            if status == 101:
                await echoes(socket)
            else:
                assert not eio.sockets
                socket.drop()


class TestRequestHeads:
    @pytest.mark.parametrize(
        "start", [b"", b"G", b"GET /engine.io/?EIO=4 HTTP/1.1\r\nHost: a.example\r\n", b"\x16\x03\x01"]
    )
    async def test_a_connection_without_a_whole_request_is_closed(
        self, monkeypatch: pytest.MonkeyPatch, start: bytes
    ) -> None:
        monkeypatch.setattr(listener, "HEAD_SECONDS", 0.1)
        monkeypatch.setattr(listener, "_LOOK_SECONDS", 0.05)
        async with server() as (_, address):
            reader, writer = await connection(address)
            writer.write(start)
            assert await _until_closed(reader) == b""
            writer.close()

    async def test_a_connection_that_sends_its_head_byte_by_byte_is_closed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listener, "HEAD_SECONDS", 0.2)
        monkeypatch.setattr(listener, "_LOOK_SECONDS", 0.05)
        async with server() as (_, address):
            reader, writer = await connection(address)
            closed = asyncio.ensure_future(_until_closed(reader))
            for byte in opening() * 20:
                if closed.done():
                    break
                writer.write(bytes((byte,)))
                await asyncio.sleep(0.005)
            assert await closed == b""
            writer.close()

    async def test_a_request_head_that_arrives_in_pieces_is_accepted(self) -> None:
        async with server() as (_, address):
            whole = opening()
            head, socket = await answer(address, whole[:1], whole[1:100], whole[100:-2], whole[-2:])
            assert head.startswith("HTTP/1.1 101 ")
            await echoes(socket)

    async def test_a_request_head_that_does_not_end_is_refused(self) -> None:
        async with server() as (_, address):
            reader, writer = await connection(address)
            writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000)
            assert (await _until_closed(reader))[8:13] == b" 400 "
            writer.close()

    async def test_closing_the_listener_closes_connections_without_a_request(self) -> None:
        async with server() as (_, address):
            reader, writer = await connection(address)
            head, socket = await answer(address, opening())  # so the first connection has been accepted, too
            assert head.startswith("HTTP/1.1 101 ")
            socket.drop()
        assert await _until_closed(reader) == b""
        writer.close()

    async def test_a_request_with_two_host_headers_is_refused(self) -> None:
        async with server() as (eio, address):
            head, socket = await answer(address, opening("Host: b.example"))
            assert head.split(" ")[1] == "400"
            assert not eio.sockets
            socket.drop()


async def _until_closed(reader: asyncio.StreamReader) -> bytes:
    try:
        return bytes(await soon(reader.read()))
    except ConnectionError:
        return b""


class TestDisconnectWhileWaiting:
    async def test_a_client_that_disconnects_while_waiting_in_aiohttp_is_not_admitted(self) -> None:
        async with server(has_front=False) as (eio, address):
            withdrawn: list[Caller] = []

            def admit(caller: Caller, decide: Decide) -> Withdraw:
                return lambda: withdrawn.append(caller)

            eio.admission = admit
            _, writer = await connection(address)
            writer.write(opening())
            await until(lambda: len(eio._runtime.pending) == 1, "the client waits")
            writer.close()
            await until(lambda: withdrawn, "the client has withdrawn")
            assert len(eio._runtime.pending) == 0
            assert not eio.sockets


class TestSubprotocols:
    @pytest.mark.parametrize("has_front", [True, False])
    @pytest.mark.parametrize(
        ("offered", "accepted"), [("chat", "chat"), ("v2.chat, chat", "v2.chat"), ('"bad"', None), ("", None)]
    )
    async def test_the_first_offered_subprotocol_is_accepted(
        self, offered: str, accepted: str | None, *, has_front: bool
    ) -> None:
        async with server(has_front=has_front) as (_, address):
            head, socket = await answer(address, opening(f"Sec-WebSocket-Protocol: {offered}"))
            assert head.startswith("HTTP/1.1 101 ")
            lines = [line for line in head.split("\r\n") if line.startswith("Sec-WebSocket-Protocol")]
            assert lines == ([] if accepted is None else [f"Sec-WebSocket-Protocol: {accepted}"])
            await echoes(socket)


@pytest.mark.parametrize("has_front", [True, False])
async def test_the_path_works_without_a_trailing_slash(*, has_front: bool) -> None:
    async with server(has_front=has_front) as (_, address):
        head, socket = await answer(address, opening().replace(b"/engine.io/?", b"/engine.io?"))
        assert head.startswith("HTTP/1.1 101 ")
        await echoes(socket)
