"""The limits of the Engine.IO server: sizes, slow clients, unfinished sessions, origins, admission."""

from __future__ import annotations

import asyncio
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession

from roomcast.engineio import Caller, Decide, EngineServer, Frames, NoObserver, Reason, Refusal, Rules, Withdraw
from tests.integration.engineio.client import Polling, WebSocket, serving, soon
from tests.waiting import until

PATH = "engine.io"
MEGABYTE = 1_000_000


class Watcher(NoObserver):
    """An observer that records its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.closes: list[tuple[str, str]] = []
        self.cuts: list[int] = []
        self.refusals: list[int] = []

    def closed(self, transport: str, reason: str) -> None:
        self.closes.append((transport, reason))

    def refused(self, status: int, reason: str) -> None:
        self.refusals.append(status)

    def cut_slow(self, waiting: int) -> None:
        self.cuts.append(waiting)


@asynccontextmanager
async def server(**options: Any) -> AsyncIterator[tuple[EngineServer, Watcher, str]]:
    watcher = Watcher()
    eio = EngineServer(node="7", observer=watcher, **options)
    eio.on("message", eio.send)
    async with serving(eio, PATH) as address:
        yield eio, watcher, address


async def opened(address: str, **headers: str) -> WebSocket:
    socket = await WebSocket.open(address, PATH, headers=headers)
    await socket.receive()
    return socket


async def answers(address: str) -> bool:
    """Return whether the server echoes a valid message on a new connection."""
    socket = await opened(address)
    socket.send("4valid")
    answer = await socket.receive()
    socket.drop()
    return answer == "4valid"


class TestSizes:
    async def test_a_websocket_message_beyond_the_limit_is_closed_with_1009(self) -> None:
        async with server(rules=Rules(max_payload=10_000)) as (_, watcher, address):
            socket = await opened(address)
            socket.send("4" + "x" * 9_999)
            assert len(await socket.receive()) == 10_000
            socket.send("4" + "x" * 10_000)
            assert await socket.closed() == 1009
            assert watcher.closes == [("websocket", Reason.TOO_LARGE)]
            assert await answers(address)

    async def test_an_oversized_message_closes_the_session_if_the_application_has_no_handler_for_it(self) -> None:
        rules = Rules(max_payload=10_000, max_dropped_payload=50_000)
        async with server(rules=rules) as (_, watcher, address), ClientSession() as http:
            socket = await opened(address)
            socket.send("4" + "x" * 10_000)
            assert await socket.closed() == 1009
            client = await Polling.open(http, address, PATH)
            assert (await client.post("4small\x1e4" + "x" * 10_000))[0] == 413
            assert watcher.closes == [("websocket", Reason.TOO_LARGE), ("polling", Reason.TOO_LARGE)]
            assert await answers(address)

    async def test_a_polling_body_may_be_larger_than_one_packet(self) -> None:
        rules = Rules(max_payload=10_000, max_dropped_payload=50_000)
        async with server(rules=rules) as (_, _, address), ClientSession() as http:
            client = await Polling.open(http, address, PATH)
            packets = ["4" + character * 9_000 for character in "abcde"]
            assert await client.post("\x1e".join(packets)) == (200, "ok")
            assert (await client.get())[1].split("\x1e") == packets
            assert (await client.post("\x1e".join(packets * 2)))[0] == 413

    @pytest.mark.parametrize(
        ("frame", "code"),
        [
            (b"\x81\x05hello", 1002),
            (b"\xc1\x80\0\0\0\0", 1002),
            (b"\x81\x81\0\0\0\0\xff", 1007),
            (b"\x80\x80\0\0\0\0", 1002),
        ],
    )
    async def test_a_broken_frame_closes_the_connection(self, frame: bytes, code: int) -> None:
        async with server() as (_, watcher, address):
            socket = await opened(address)
            socket.writer.write(frame)
            assert await socket.frame() == (8, code.to_bytes(2, "big"))
            assert watcher.closes == [("websocket", Reason.TRANSPORT_ERROR)]
            assert await answers(address)

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_a_post_above_the_limit_is_refused_at_once(self, chunked: bool) -> None:
        async with server(rules=Rules(max_payload=10_000)) as (_, watcher, address), ClientSession() as http:
            client = await Polling.open(http, address, PATH)
            assert (await client.post("4" + "x" * 9_999))[0] == 200
            assert len((await client.get())[1]) == 10_000
            reader, writer = await asyncio.open_connection(*address.split(":"))
            length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {5 * MEGABYTE}"
            target = client.url.partition(address)[2]
            writer.write(f"POST {target} HTTP/1.1\r\nHost: {address}\r\n{length}\r\n\r\n".encode())
            writer.write(b"4e20\r\n" + b"x" * 20_000 + b"\r\n" if chunked else b"4xxx")
            async with asyncio.timeout(10):
                assert b" 413 " in await reader.readline()
            writer.close()
            assert watcher.closes == [("polling", Reason.TOO_LARGE)]
            assert await answers(address)

    async def test_a_post_that_never_ends_closes_the_session(self) -> None:
        async with server(rules=Rules(ping_timeout=0.2)) as (_, watcher, address), ClientSession() as http:
            client = await Polling.open(http, address, PATH)
            _, writer = await asyncio.open_connection(*address.split(":"))
            target = client.url.partition(address)[2]
            writer.write(f"POST {target} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 9\r\n\r\n4x".encode())
            await until(lambda: watcher.closes == [("polling", Reason.TRANSPORT_ERROR)], "the session is closed")
            writer.close()


class TestSlowClients:
    async def slow(self, address: str) -> WebSocket:
        """Connect a client that reads no data and has a small receive buffer in its kernel."""
        host, _, port = address.partition(":")
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
        writer.write(
            f"GET /{PATH}/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        return WebSocket(reader, writer)

    async def test_only_the_client_above_its_write_buffer_limit_is_disconnected(self) -> None:
        async with server(rules=Rules(max_buffer=200_000, kernel_buffer=16_384)) as (eio, watcher, address):
            slow = await self.slow(address)
            await until(lambda: eio.sockets, "the session is open")
            quick = await opened(address)
            sessions = [*eio.sockets.values()]
            most = 0
            for number in range(500):
                eio.flusher.push_many(sessions, Frames(b"%d " % number + b"x" * 1000))
                most = max(most, sessions[0].waiting)
                assert str(await quick.receive()).startswith(f"4{number} ")
            await until(lambda: watcher.closes, "the slow client is disconnected")
            assert watcher.closes == [("websocket", Reason.SLOW_CLIENT)]
            assert 150_000 < most <= 200_000
            assert watcher.cuts[0] <= 200_000
            assert len(eio.sockets) == 1
            slow.drop()
            quick.drop()

    async def test_a_slow_client_that_reads_again_gets_all_messages_in_order(self) -> None:
        async with server(rules=Rules(max_buffer=400_000, kernel_buffer=16_384)) as (eio, watcher, address):
            slow = await self.slow(address)
            await until(lambda: eio.sockets, "the session is open")
            (session,) = eio.sockets.values()
            for number in range(300):
                session.push(Frames(b"%d " % number + b"x" * 1000))
                await asyncio.sleep(0)
            await until(lambda: session.credit < 0, "the client's transport is full")
            session.push(Frames(b"300 and it waits in the outbox"))
            assert session.outbox
            slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
            await soon(slow.reader.readuntil(b"\r\n\r\n"))
            assert str(await slow.receive())[0] == "0"
            assert [str(await slow.receive()).split()[0] for _ in range(301)] == [f"4{n}" for n in range(301)]
            assert (session.credit, watcher.closes) == (400_000, [])
            slow.drop()

    async def test_a_client_is_not_disconnected_for_a_burst_within_one_turn_of_the_loop(self) -> None:
        async with server(rules=Rules(max_buffer=50_000)) as (eio, watcher, address):
            socket = await opened(address)
            (session,) = eio.sockets.values()
            for number in range(200):
                session.push(Frames(b"%d " % number + b"x" * 1000))
            session.push(Frames(b"large " + b"x" * 60_000))
            assert [str(await socket.receive()).split()[0] for _ in range(201)][-2:] == ["4199", "4large"]
            assert watcher.closes == []
            socket.drop()

    async def test_a_slow_polling_client_is_disconnected_too(self) -> None:
        async with server(rules=Rules(max_buffer=10_000)) as (eio, watcher, address), ClientSession() as http:
            client = await Polling.open(http, address, PATH)
            for _ in range(20):
                await eio.send(client.sid, "x" * 1000)
            assert watcher.closes == [("polling", Reason.SLOW_CLIENT)]
            assert (await client.get())[0] == 400

    async def test_pongs_for_a_client_that_reads_no_data_use_bounded_memory(self) -> None:
        async with server(rules=Rules(max_buffer=50_000, kernel_buffer=16_384)) as (eio, _, address):
            slow = await self.slow(address)
            await until(lambda: eio.sockets, "the session is open")
            (session,) = eio.sockets.values()
            for _ in range(20_000):
                slow.write_frame(9, b"x" * 100)
            await until(lambda: session.credit < 0, "the client's transport is full")
            await asyncio.sleep(0.05)
            assert session.waiting < 150_000
            slow.drop()


class TestUnfinishedSessions:
    async def test_unfinished_sessions_are_limited_per_address(self) -> None:
        async with server(rules=Rules(max_pending_per_peer=5)) as (eio, watcher, address), ClientSession() as http:
            polls = [await Polling.open(http, address, PATH) for _ in range(5)]
            async with http.get(f"http://{address}/{PATH}/?EIO=4&transport=polling") as answer:
                assert answer.status == 429
                assert int(answer.headers["Retry-After"]) > 0
            with pytest.raises(AssertionError, match="429"):
                await WebSocket.open(address, PATH)
            eio.mark_connected(polls[0].sid)
            socket = await opened(address)
            elsewhere = await opened(address, **{"X-Forwarded-For": "198.51.100.7"})
            assert watcher.refusals == [429, 429]
            socket.drop()
            elsewhere.drop()

    async def test_a_new_session_replaces_the_oldest_idle_unfinished_session_of_its_address(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("roomcast.engineio.runtime._SLOW_CONNECT_SECONDS", 0.2)
        async with server(rules=Rules(max_pending_per_peer=2)) as (eio, watcher, address), ClientSession() as http:
            idle = [await Polling.open(http, address, PATH) for _ in range(2)]
            async with http.get(f"http://{address}/{PATH}/?EIO=4&transport=polling") as answer:
                assert answer.status == 429
            await asyncio.sleep(0.25)
            late = await Polling.open(http, address, PATH)
            assert watcher.closes == [("polling", Reason.CONNECT_TIMEOUT)]
            assert {*eio.sockets} == {idle[1].sid, late.sid}

    async def test_a_forwarded_address_counts_only_from_a_trusted_proxy(self) -> None:
        rules = Rules(max_pending_per_peer=1)
        async with server(rules=rules, trusted_proxies=[]) as (_, _, address):
            socket = await opened(address, **{"X-Forwarded-For": "198.51.100.1"})
            with pytest.raises(AssertionError, match="429"):
                await WebSocket.open(address, PATH, headers={"X-Forwarded-For": "198.51.100.2"})
            socket.drop()
        async with server(rules=rules) as (_, _, address):
            socket = await opened(address, **{"X-Forwarded-For": "1.1.1.1, 198.51.100.1"})
            with pytest.raises(AssertionError, match="429"):
                await WebSocket.open(address, PATH, headers={"X-Forwarded-For": "2.2.2.2, 198.51.100.1"})
            socket.drop()

    async def test_unfinished_sessions_are_closed_after_connect_seconds(self) -> None:
        async with server(rules=Rules(connect_seconds=0.2)) as (eio, watcher, address), ClientSession() as http:
            for _ in range(100):
                await Polling.open(http, address, PATH)
            await until(lambda: not eio.sockets, "all sessions are dropped")
            assert watcher.closes == [("polling", Reason.CONNECT_TIMEOUT)] * 100


class TestOrigins:
    @pytest.mark.parametrize(
        ("origin", "accepted"),
        [
            ("http://{address}", True),
            ("http://{address}.evil.example", False),
            ("http://evil.example", False),
            ("https://{address}", False),
            ("null", False),
        ],
    )
    async def test_by_default_only_origins_of_the_server_s_own_host_are_accepted(
        self, origin: str, accepted: bool
    ) -> None:
        async with server() as (_, _, address), ClientSession() as http:
            headers = {"Origin": origin.format(address=address)}
            async with http.get(f"http://{address}/{PATH}/?EIO=4&transport=polling", headers=headers) as answer:
                assert answer.status == (200 if accepted else 403)
                assert answer.headers.get("Access-Control-Allow-Origin") == (headers["Origin"] if accepted else None)
            if accepted:
                (await opened(address, **headers)).drop()
            else:
                with pytest.raises(AssertionError, match="403"):
                    await WebSocket.open(address, PATH, headers=headers)

    async def test_the_forwarded_host_is_an_accepted_origin_only_behind_a_trusted_proxy(self) -> None:
        forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example"}
        async with server() as (_, _, address):
            (await opened(address, Origin="https://chat.example", **forwarded)).drop()
        async with server(trusted_proxies=[]) as (_, _, address):
            with pytest.raises(AssertionError, match="403"):
                await WebSocket.open(address, PATH, headers={"Origin": "https://chat.example", **forwarded})

    async def test_a_preflight_request_is_answered_only_for_an_allowed_origin(self) -> None:
        async with server(cors_allowed_origins=["https://app.example"]) as (_, _, address), ClientSession() as http:
            url = f"http://{address}/{PATH}/?EIO=4&transport=polling"
            async with http.options(url, headers={"Origin": "https://app.example"}) as answer:
                assert answer.status == 204
                assert "POST" in answer.headers["Access-Control-Allow-Methods"]
            async with http.options(url, headers={"Origin": "https://evil.example"}) as answer:
                assert answer.status == 403


class TestAdmission:
    async def test_after_stop_accepting_only_existing_sessions_are_served(self) -> None:
        async with server() as (eio, _, address), ClientSession() as http:
            socket = await opened(address)
            client = await Polling.open(http, address, PATH)
            eio.stop_accepting()
            async with http.get(f"http://{address}/{PATH}/?EIO=4&transport=polling") as answer:
                assert answer.status == 503
                assert int(answer.headers["Retry-After"]) > 0
            with pytest.raises(AssertionError, match="503"):
                await WebSocket.open(address, PATH)
            socket.send("4hello")
            assert await socket.receive() == "4hello"
            assert (await client.post("4hello"))[0] == 200
            assert await client.get() == (200, "4hello")
            upgrade = await WebSocket.open(address, PATH, sid=client.sid)
            upgrade.drop()
            socket.drop()

    async def test_the_application_may_refuse_a_new_session(self) -> None:
        async with server() as (eio, _, address), ClientSession() as http:
            asked: list[Caller] = []

            def admit(caller: Caller, decide: Decide) -> Withdraw:
                asked.append(caller)
                decide(Refusal(503, 4, "Full", retry_after=7) if len(asked) > 1 else None)
                return lambda: None

            eio.admission = admit
            await Polling.open(http, address, PATH)
            async with http.get(f"http://{address}/{PATH}/?EIO=4&transport=polling") as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
            assert asked[0].peer == "127.0.0.1"


class TestCloseForReconnect:
    async def test_a_polling_client_between_two_gets_receives_queued_packets_and_the_close(self) -> None:
        async with server() as (eio, watcher, address), ClientSession() as http:
            client = await Polling.open(http, address, PATH)
            await eio.send(client.sid, "last words")
            eio.close_for_reconnect(client.sid)
            assert watcher.closes == [("polling", Reason.RECONNECT)]
            assert (await client.post("4x"))[0] == 400
            assert await client.get() == (200, "4last words\x1e1")
            assert (await client.get())[0] == 400


class TestManySockets:
    async def test_each_of_many_sessions_gets_all_packets_in_order(self) -> None:
        async with server(rules=Rules(max_pending_per_peer=10_000, connect_seconds=60.0)) as (eio, watcher, address):
            clients = [await opened(address) for _ in range(600)]
            sessions = [*eio.sockets.values()]
            for number in range(5):
                eio.flusher.push_many(sessions, Frames(b"%d" % number))
                if number % 2:
                    sessions[0].push(Frames(b"own"))
                    await asyncio.sleep(0)
            for index, client in enumerate(clients):
                wanted = (
                    ["40", "41", "4own", "42", "43", "4own", "44"] if index == 0 else ["40", "41", "42", "43", "44"]
                )
                assert [await client.receive() for _ in wanted] == wanted
            assert watcher.traffic.packets == 600 * 5 + 2
            for client in clients:
                client.drop()
            await until(lambda: len(watcher.closes) == 600, "all sessions are closed")

    async def test_sessions_may_close_while_packets_are_sent_to_many_sessions(self) -> None:
        async with server(rules=Rules(max_pending_per_peer=10_000, connect_seconds=60.0)) as (eio, watcher, address):
            clients = [await opened(address) for _ in range(300)]
            sessions = [*eio.sockets.values()]
            for number in range(200):
                if number < 100:
                    clients[number * 2].drop()
                eio.flusher.push_many(sessions, Frames(b"%d" % number))
                await asyncio.sleep(0)
            for client in (*clients[1:200:2], *clients[200:]):
                assert [await client.receive() for _ in range(200)] == [f"4{number}" for number in range(200)]
            await until(lambda: len(watcher.closes) == 100, "the dropped sessions are closed")
            for client in clients:
                client.drop()
