"""Engine.IO v4 over real sockets: handshake, messages, heartbeat, close, upgrade."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from roomcast.engineio import EngineServer, Frames, Reason, Rules
from roomcast.engineio.websocket.rfc6455 import CLOSE
from tests.integration.engineio.client import Polling, WebSocket, serving, soon
from tests.waiting import until

PATH = "engine.io"
RULES = Rules(ping_interval=0.3, ping_timeout=20, connect_seconds=60)
IMPATIENT = Rules(ping_interval=0.3, ping_timeout=1.5, connect_seconds=60)


class Echo:
    """A server that echoes each message, and records connects and disconnects."""

    def __init__(self, rules: Rules = RULES, **options: Any) -> None:
        self.eio = EngineServer(node="7", rules=rules, cors_allowed_origins="*", **options)
        self.environs: dict[str, dict[str, Any]] = {}
        self.gone: dict[str, str] = {}
        self.eio.on("connect", lambda sid, environ: self.environs.__setitem__(sid, environ))
        self.eio.on("message", self.eio.send)
        self.eio.on("disconnect", lambda sid, reason: self.gone.__setitem__(sid, reason))


@pytest.fixture
async def echo() -> Echo:
    return Echo()


@pytest.fixture
async def address(echo: Echo) -> AsyncIterator[str]:
    async with serving(echo.eio, PATH) as address:
        yield address


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def opened(address: str) -> tuple[WebSocket, str]:
    """Open a WebSocket session; return the client and the session's sid."""
    socket = await WebSocket.open(address, PATH)
    packet = await socket.receive()
    assert isinstance(packet, str)
    return socket, json.loads(packet[1:])["sid"]


class TestHandshake:
    async def test_a_polling_session_opens_with_the_settings(self, address: str, http: ClientSession) -> None:
        async with http.get(f"http://{address}/{PATH}/?EIO=4&transport=polling") as answer:
            text = await answer.text()
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
        handshake = json.loads(text[1:])
        assert text[0] == "0"
        assert handshake.pop("sid").startswith("g7.")
        assert handshake == {
            "upgrades": ["websocket"],
            "pingInterval": 300,
            "pingTimeout": 20_000,
            "maxPayload": 1_000_000,
        }

    async def test_a_websocket_session_offers_no_upgrade(self, address: str) -> None:
        socket = await WebSocket.open(address, PATH)
        packet = await socket.receive()
        assert isinstance(packet, str)
        assert packet[0] == "0"
        assert json.loads(packet[1:])["upgrades"] == []
        socket.drop()

    @pytest.mark.parametrize(
        ("method", "query", "code"),
        [
            ("GET", "transport=polling", 5),
            ("GET", "EIO=abc&transport=polling", 5),
            ("GET", "EIO=3&transport=polling", 5),
            ("GET", "EIO=4", 0),
            ("GET", "EIO=4&transport=abc", 0),
            ("POST", "EIO=4&transport=polling", 2),
            ("PUT", "EIO=4&transport=polling", 2),
            ("GET", "EIO=4&transport=polling&sid=unknown", 1),
            ("POST", "EIO=4&transport=polling&sid=unknown", 1),
            ("GET", "EIO=4&transport=websocket", 3),
            ("GET", "EIO=4&transport=websocket&sid=unknown", 1),
        ],
    )
    async def test_a_bad_request_is_refused_with_a_code(
        self, address: str, http: ClientSession, method: str, query: str, code: int
    ) -> None:
        async with http.request(method, f"http://{address}/{PATH}/?{query}") as answer:
            assert answer.status == 400
            assert json.loads(await answer.text())["code"] == code

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-WebSocket-Version": "8"}, b"426"),
            ({"Sec-WebSocket-Key": "short"}, b"400"),
            ({"Upgrade": "h2c"}, b"400"),
        ],
    )
    async def test_a_broken_websocket_handshake_is_refused(
        self, address: str, headers: dict[str, str], status: bytes
    ) -> None:
        with pytest.raises(AssertionError, match=f"HTTP/1.1 {status.decode()}"):
            await WebSocket.open(address, PATH, headers=headers)

    async def test_the_application_sees_the_request_and_may_refuse(self, echo: Echo, address: str) -> None:
        socket, sid = await opened(address)
        environ = echo.environs[sid]
        assert environ["REMOTE_ADDR"] == "127.0.0.1"
        assert environ["HTTP_HOST"] == address
        assert "transport=websocket" in environ["QUERY_STRING"]
        socket.drop()
        echo.eio.on("connect", lambda sid, environ: False)
        with pytest.raises(AssertionError, match=r"HTTP/1.1 401"):
            await WebSocket.open(address, PATH)
        await until(lambda: not echo.eio.sockets, "both sessions end")


class TestMessages:
    async def test_text_and_bytes_are_echoed_over_polling(self, address: str, http: ClientSession) -> None:
        client = await Polling.open(http, address, PATH)
        assert await client.post("4hello\x1ebAQIDBA==\x1e4€") == (200, "ok")
        packets = [packet for packet in (await client.get())[1].split("\x1e") if packet != "2"]
        assert packets == ["4hello", "bAQIDBA==", "4€"]

    async def test_a_post_may_have_more_than_sixteen_packets(self, address: str, http: ClientSession) -> None:
        client = await Polling.open(http, address, PATH)
        packets = [f"4{number}" for number in range(500)]
        assert (await client.post("\x1e".join(packets)))[0] == 200
        assert [packet for packet in (await client.get())[1].split("\x1e") if packet != "2"] == packets

    async def test_text_and_bytes_are_echoed_over_websocket(self, address: str) -> None:
        socket, _ = await opened(address)
        socket.send("4hello")
        socket.send(b"\x01\x02\x03")
        assert await socket.receive() == "4hello"
        assert await socket.receive() == b"\x01\x02\x03"
        socket.drop()

    async def test_a_burst_of_fragmented_websocket_messages_keeps_its_order(self, address: str) -> None:
        socket, _ = await opened(address)
        for number in range(300):
            socket.write_frame(1, b"4", fin=False)
            socket.write_frame(0, str(number).encode())
        received = [message for message in [await socket.receive() for _ in range(300)] if message != "2"]
        assert received == [f"4{number}" for number in range(300)][: len(received)]
        assert len(received) > 290
        socket.drop()

    async def test_a_websocket_ping_is_answered(self, address: str) -> None:
        socket, _ = await opened(address)
        socket.write_frame(9, b"are you there?")
        assert await socket.frame() == (10, b"are you there?")
        socket.drop()

    @pytest.mark.parametrize("packet", ["abc", "9x", "", "2", "0{}", "5"])
    async def test_a_message_that_is_not_a_packet_closes_the_session(
        self, echo: Echo, address: str, http: ClientSession, packet: str
    ) -> None:
        socket, sid = await opened(address)
        socket.send(packet)
        assert await socket.closed() == 1003
        await until(lambda: echo.gone.get(sid) == Reason.PARSE_ERROR, "the disconnect is reported")
        client = await Polling.open(http, address, PATH)
        assert (await client.post(packet or "\x1e"))[0] == 400
        assert (await client.get())[0] == 400

    async def test_a_second_get_at_the_same_time_closes_the_session(
        self, echo: Echo, address: str, http: ClientSession
    ) -> None:
        client = await Polling.open(http, address, PATH)
        first = asyncio.ensure_future(client.get())
        await until(lambda: echo.eio.sockets[client.sid].core.has_poll, "the first GET waits")
        assert (await client.get())[0] == 400
        assert await soon(first) == (200, "1")
        assert (await client.get())[0] == 400

    async def test_an_aborted_get_closes_the_session(self, echo: Echo, address: str, http: ClientSession) -> None:
        client = await Polling.open(http, address, PATH)
        waiting = asyncio.ensure_future(client.get())
        await until(lambda: echo.eio.sockets[client.sid].core.has_poll, "the GET waits")
        waiting.cancel()
        await until(
            lambda: echo.gone.get(client.sid) == Reason.TRANSPORT_CLOSE, "the disconnect is reported at once", 0.2
        )
        assert (await client.get())[0] == 400


class TestPing:
    @pytest.fixture
    async def echo(self) -> Echo:
        return Echo(IMPATIENT)

    async def test_a_polling_client_that_stops_sending_pongs_is_closed(
        self, echo: Echo, address: str, http: ClientSession
    ) -> None:
        client = await Polling.open(http, address, PATH)
        for _ in range(3):
            assert await client.get() == (200, "2")
            assert (await client.post("3"))[0] == 200
        await until(lambda: echo.gone.get(client.sid) == Reason.PING_TIMEOUT, "the silent client is closed")
        assert (await client.get())[0] == 400

    async def test_a_websocket_client_that_stops_sending_pongs_is_closed(self, echo: Echo, address: str) -> None:
        socket, sid = await opened(address)
        for _ in range(3):
            assert await socket.receive() == "2"
            socket.send("3")
        assert await socket.closed() == 1000
        assert echo.gone[sid] == Reason.PING_TIMEOUT

    async def test_a_client_that_never_sends_a_pong_is_closed(self, echo: Echo, address: str) -> None:
        _socket, sid = await opened(address)
        await until(lambda: echo.gone.get(sid) == Reason.PING_TIMEOUT, "the client is closed")


class TestClose:
    async def test_a_polling_client_closes_the_session(self, echo: Echo, address: str, http: ClientSession) -> None:
        client = await Polling.open(http, address, PATH)
        waiting = asyncio.ensure_future(client.get())
        await until(lambda: echo.eio.sockets[client.sid].core.has_poll, "the GET waits")
        assert (await client.post("1"))[0] == 200
        assert await soon(waiting) == (200, "6")
        assert (await client.get())[0] == 400
        await until(lambda: echo.gone.get(client.sid) == Reason.CLIENT_DISCONNECT, "the disconnect is reported")

    async def test_a_websocket_client_closes_the_session(self, echo: Echo, address: str) -> None:
        socket, sid = await opened(address)
        socket.send("1")
        assert await socket.closed() == 1000
        await until(lambda: echo.gone.get(sid) == Reason.CLIENT_DISCONNECT, "the disconnect is reported")

    @pytest.mark.parametrize(("code", "answer"), [(b"\x03\xe8", 1000), (b"\x0f\xa0bye", 4000), (b"\x03", 1002)])
    async def test_a_close_frame_closes_the_session(self, echo: Echo, address: str, code: bytes, answer: int) -> None:
        socket, sid = await opened(address)
        socket.write_frame(8, code)
        assert await socket.closed() == answer
        await until(lambda: echo.gone.get(sid) == Reason.TRANSPORT_CLOSE, "the disconnect is reported")

    async def test_a_lost_connection_closes_the_session(self, echo: Echo, address: str) -> None:
        socket, sid = await opened(address)
        socket.drop()
        await until(lambda: echo.gone.get(sid) == Reason.TRANSPORT_CLOSE, "the disconnect is reported")

    async def test_the_server_closes_a_session_after_queued_packets(self, echo: Echo, address: str) -> None:
        socket, sid = await opened(address)
        await echo.eio.send(sid, "last words")
        await echo.eio.disconnect(sid)
        assert [await socket.receive(), await socket.receive()] == ["4last words", "1"]
        assert await socket.closed() == 1000
        assert echo.gone[sid] == Reason.SERVER_DISCONNECT
        assert echo.eio.session(sid) is None

    async def test_a_push_to_a_closed_session_raises_no_error(self, echo: Echo, address: str) -> None:
        socket, sid = await opened(address)
        session = echo.eio.session(sid)
        assert session is not None
        socket.drop()
        await until(lambda: sid in echo.gone, "the disconnect is reported")
        session.push(Frames(b"x"))
        echo.eio.flusher.push_many([session, session], Frames(b"x"))
        await echo.eio.send(sid, "x")
        echo.eio.close_for_reconnect(sid)
        assert session.outbox == []


class TestUpgrade:
    async def upgraded(self, address: str, http: ClientSession) -> tuple[Polling, WebSocket]:
        client = await Polling.open(http, address, PATH)
        socket = await WebSocket.open(address, PATH, sid=client.sid)
        socket.send("2probe")
        assert await socket.receive() == "3probe"
        assert await client.get() == (200, "6")
        socket.send("5")
        return client, socket

    async def test_an_upgrade_moves_the_session_to_the_websocket(
        self, echo: Echo, address: str, http: ClientSession
    ) -> None:
        client, socket = await self.upgraded(address, http)
        socket.send("4hello")
        assert await socket.receive() == "4hello"
        assert echo.eio.transport(client.sid) == "websocket"
        assert (await client.get())[0] == 400
        assert (await client.post("4x"))[0] == 400
        socket.send("4still there")
        assert await socket.receive() == "4still there"
        socket.drop()

    async def test_a_probe_ends_the_waiting_get(self, address: str, http: ClientSession) -> None:
        client = await Polling.open(http, address, PATH)
        waiting = asyncio.ensure_future(client.get())
        await asyncio.sleep(0.02)
        socket = await WebSocket.open(address, PATH, sid=client.sid)
        socket.send("2probe")
        assert await soon(waiting) == (200, "6")
        socket.drop()

    async def test_packets_queued_during_an_upgrade_are_sent_by_websocket(
        self, echo: Echo, address: str, http: ClientSession
    ) -> None:
        client = await Polling.open(http, address, PATH)
        socket = await WebSocket.open(address, PATH, sid=client.sid)
        socket.send("2probe")
        assert await socket.receive() == "3probe"
        await echo.eio.send(client.sid, "one")
        await echo.eio.send(client.sid, b"two")
        socket.send("5")
        assert [await socket.receive(), await socket.receive()] == ["4one", b"two"]
        socket.drop()

    async def test_a_second_websocket_of_a_session_is_refused(self, address: str, http: ClientSession) -> None:
        client, socket = await self.upgraded(address, http)
        second = await WebSocket.open(address, PATH, sid=client.sid)
        assert await second.closed() == 1008
        socket.send("4hello")
        assert await socket.receive() == "4hello"
        socket.drop()

    async def test_polling_continues_after_a_wrong_probe(self, address: str, http: ClientSession) -> None:
        client = await Polling.open(http, address, PATH)
        socket = await WebSocket.open(address, PATH, sid=client.sid)
        socket.send("4hello")
        assert await socket.closed() == 1000
        assert (await client.post("4hello"))[0] == 200
        assert await client.get() == (200, "4hello")

    async def test_polling_continues_after_a_probe_with_a_broken_frame(self, address: str, http: ClientSession) -> None:
        client = await Polling.open(http, address, PATH)
        socket = await WebSocket.open(address, PATH, sid=client.sid)
        socket.writer.write(b"\x81\x01x")
        assert (await socket.frame())[0] == 8
        assert (await client.post("4hello"))[0] == 200


async def test_shutdown_closes_all_sessions_and_can_be_repeated(http: ClientSession) -> None:
    echo = Echo(Rules(close_seconds=4.0))
    async with serving(echo.eio, PATH) as address:
        socket, sid = await opened(address)
        client = await Polling.open(http, address, PATH)
        waiting = asyncio.ensure_future(client.get())
        await until(lambda: echo.eio.sockets[client.sid].core.has_poll, "the GET waits")
        shutdown = asyncio.ensure_future(echo.eio.shutdown())
        assert await soon(waiting) == (200, "1")
        opcode, payload = await socket.frame()
        assert (opcode, int.from_bytes(payload[:2], "big")) == (CLOSE, 1012)
        await asyncio.sleep(0.1)
        assert not shutdown.done()  # an earlier end would lose data that the client has not read
        socket.write_frame(CLOSE, b"")
        await soon(shutdown)
        assert echo.gone == {sid: Reason.RECONNECT, client.sid: Reason.RECONNECT}
        await echo.eio.shutdown()
        with pytest.raises(AssertionError, match="503"):
            await WebSocket.open(address, PATH)
