"""Running a gateway: health, metrics, drain and admission."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests import servers
from tests.gateways import Client, Clients, Gateway, gateway, gateways, raw, token, unique
from tests.health import request
from tests.integration.engineio.client import Polling
from tests.waiting import until

Pair = list[Gateway]

FLOOD = 3_000
"""Number of WebSocket requests in the flood. The kernel can queue 4,096 connections, the gateway 2,000 requests."""


async def test_health_readiness_and_metrics_have_a_port_of_their_own(pair: Pair) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert pair[0].get(path)[0] == 200
        assert request(f"{pair[0].url}{path}")[0] == 404
    assert pair[0].get("/other")[0] == 404


def test_health_and_metrics_can_have_an_address_of_their_own(redis_url: str, tmp_path: Path) -> None:
    """An operator may serve clients on one address and metrics on another."""
    with gateway(tmp_path, redis_url, "1", is_ready=False, METRICS_HOST="127.0.0.2") as one:
        servers.wait_until(
            lambda: request(f"http://127.0.0.2:{one.metrics_port}/readyz")[0] == 200, "the gateway is ready"
        )
        assert request(f"{one.url}/socket.io/?EIO=4&transport=polling")[0] == 200
        assert not servers.is_listening(one.metrics_port)
        assert request(f"http://127.0.0.2:{one.port}/socket.io/?EIO=4&transport=polling")[0] == 0


async def test_the_metrics_are_valid_for_prometheus(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    await ada.join(room)
    await ada.send(room, "hello")
    await ada.refused("no:such")
    text = pair[0].get("/metrics")[1]

    judged = subprocess.run(
        [servers.find_tool("promtool"), "check", "metrics"], input=text, capture_output=True, text=True, timeout=20
    )

    assert (judged.returncode, judged.stderr) == (0, ""), judged.stderr
    for secret in (room, ada.user, "no:such"):
        assert secret not in text


async def test_the_metrics_count_events(pair: Pair, clients: Clients) -> None:
    before = {name: pair[0].metric(name) for name in ("roomcast_gateway_connections", "roomcast_gateway_rooms")}
    ada = await clients(pair[0], unique("ada"))
    await ada.join(unique("public:talk"))
    await ada.refused("room:join", {"room": unique("team")})

    assert pair[0].metric("roomcast_gateway_connections") == before["roomcast_gateway_connections"] + 1
    assert pair[0].metric("roomcast_gateway_rooms") == before["roomcast_gateway_rooms"] + 1
    assert pair[0].metric('roomcast_gateway_events_total{event="room:join",outcome="forbidden"}') == 1
    assert pair[0].metric("roomcast_gateway_ready") == 1
    await ada.close()
    await until(lambda: pair[0].metric("roomcast_gateway_connections") == 0, "the connection is closed")


class Writer:
    """A client that sends numbered messages, resends those without an ack, and moves on when its gateway closes."""

    def __init__(self, user: str, room: str, urls: list[str]) -> None:
        self.user = user
        self.room = room
        self.urls = urls
        self.acked: dict[str, int] = {}
        self.moves = 0

    async def run(self, count: int, most: int = 5_000) -> int:
        """Send `count` messages, and then more until the client has moved, at most `most`. Return the number sent."""
        client = await self._connect()
        sent = 0
        while sent < count or (not self.moves and sent < most):
            while not await self._send(client, f"{self.user}-{sent}"):
                client = await self._connect()
            sent += 1
            await asyncio.sleep(0.01)  # slow enough for the drain to begin before the last message
        await client.close()
        return sent

    async def _connect(self) -> Client:
        while True:
            client = Client(self.user)
            try:
                await client.connect(self.urls[self.moves % len(self.urls)])
            except Exception:  # refused while draining: try the next gateway
                self.moves += 1
                await asyncio.sleep(0.05)
            else:
                return client

    async def _send(self, client: Client, text: str) -> bool:
        try:
            answer = await asyncio.wait_for(
                client.io.call("message:send", {"room": self.room, "id": text, "text": text}, timeout=2), 2
            )
        except Exception:
            self.moves += 1
            return False
        if answer["ok"]:
            self.acked[text] = answer["seq"]
        return bool(answer["ok"])


async def test_a_drained_gateway_moves_all_clients_and_loses_no_message(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    with gateways(tmp_path, redis_url, 2, DRAIN_SECONDS="4", EVENTS_PER_SECOND="1000") as (first, second):
        reader = await clients(second, "reader")
        await reader.join("public:talk")
        idle = [await clients(first, f"idle-{n}") for n in range(5)]
        writers = [Writer(f"w{n}", "public:talk", [first.url, second.url]) for n in range(3)]
        running = [asyncio.ensure_future(writer.run(100)) for writer in writers]
        await reader.expect("message", lambda m: m["seq"] > 30)

        async with raw(first) as watched:
            await watched.sign_in("watched")
            first.process.terminate()
            said = await watched.until_closed(6.0)
            assert watched.socket.close_code == 1012
        assert any(frame.startswith('42["drain",') for frame in said)
        assert not any(frame.startswith("41") for frame in said)
        for client in idle:
            await client.expect_gone(6.0)
            assert client.seen("drain")[0]["within_seconds"] == 4
        sent = sum(await asyncio.gather(*running))
        await asyncio.to_thread(first.stop, 5.0)

        acked = {text: seq for writer in writers for text, seq in writer.acked.items()}
        assert len(acked) == sent >= 300
        assert all(writer.moves for writer in writers)
        await reader.expect("message", lambda m: m["seq"] == max(acked.values()))
        heard = [(m["text"], m["seq"]) for m in reader.seen("message")]
        assert heard == sorted(heard, key=lambda row: row[1])
        assert dict(heard) == acked
        assert len(heard) == sent


async def test_a_draining_gateway_is_not_ready_and_closes_its_port(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    with gateways(tmp_path, redis_url, 1, DRAIN_SECONDS="3") as (running,):
        for n in range(30):
            await clients(running, f"idle-{n}")
        assert running.is_ready

        running.process.terminate()
        await until(lambda: running.get("/readyz")[0] in (503, 0), "not ready")
        await until(lambda: not servers.is_listening(running.port), "the port is closed")
        started = time.monotonic()
        await asyncio.to_thread(running.stop, 6.0)
        assert time.monotonic() - started < 5


async def test_a_drain_moves_polling_clients_too(redis_url: str, tmp_path: Path, clients: Clients) -> None:
    with gateways(tmp_path, redis_url, 1, DRAIN_SECONDS="3") as (running,):
        ada = await clients(running, "ada", transports=("polling",))
        running.process.terminate()

        await ada.expect_gone(5.0)
        assert ada.seen("drain")


async def test_a_polling_client_between_two_gets_receives_the_drain_event(redis_url: str, tmp_path: Path) -> None:
    """The port is closed by then, so the next GET arrives on a connection that is still open, as from nginx."""
    with gateways(tmp_path, redis_url, 1, DRAIN_SECONDS="3") as (running,):
        async with ClientSession() as http:
            client = await Polling.open(http, running.url.removeprefix("http://"), "socket.io")
            assert await client.post("40" + json.dumps({"token": token("ada")})) == (200, "ok")
            while '"ready"' not in (await client.get())[1]:
                pass
            running.process.terminate()
            await until(lambda: not servers.is_listening(running.port), "the port is closed")
            await asyncio.sleep(0.5)
            status, said = await client.get()
        assert status == 200
        assert '42["drain",' in said


async def test_further_signals_do_not_disturb_a_drain(redis_url: str, tmp_path: Path, clients: Clients) -> None:
    with gateways(tmp_path, redis_url, 1, DRAIN_SECONDS="3") as (running,):
        ada = await clients(running, "ada")
        for _ in range(3):
            running.process.terminate()
            await asyncio.sleep(0)
        await ada.expect_gone(6.0)
        assert len(ada.seen("drain")) == 1
        await asyncio.to_thread(running.stop, 6.0)


@pytest.mark.parametrize(
    "path", ["/socket.io/", "/socket.io/?EIO=3&transport=polling", "/socket.io/?EIO=4&transport=x"]
)
async def test_a_request_that_is_not_a_handshake_gets_400(pair: Pair, path: str) -> None:
    assert request(f"{pair[0].url}{path}")[0] == 400


def test_six_hundred_handshakes_of_one_address_are_admitted(redis_url: str, tmp_path: Path) -> None:
    with gateway(tmp_path, redis_url, "1", PENDING_PER_ADDRESS="1000") as one, ThreadPoolExecutor(100) as callers:
        answers = list(callers.map(lambda _: handshake(one), range(600)))
        assert {status for status, _ in answers} == {200}
        assert one.metric('roomcast_gateway_sessions_total{transport="polling"}') == 600


async def test_another_address_is_admitted_during_a_flood_that_is_partly_refused(
    redis_url: str, tmp_path: Path
) -> None:
    """The flood fills the queue, and the gateway refuses a part of the flood. Another address gets its session."""
    refused = 'roomcast_gateway_refused_requests_total{reason="admission",status="503"}'
    with gateway(tmp_path, redis_url, "1") as one:
        one.process.send_signal(signal.SIGSTOP)  # so that all requests wait in the kernel, and arrive at once
        flood = [await waiting_opening(one, f"198.51.100.{n % 40}") for n in range(FLOOD)]
        other = asyncio.ensure_future(asyncio.to_thread(handshake, one, "203.0.113.7", 60.0))
        one.process.send_signal(signal.SIGCONT)
        with slowed(one):
            assert (await other)[0] == 200
            await until(lambda: one.metric(refused) > 0, "some of the flood is refused", 60)
        await until(lambda: '"reason": "admission"' in one.said(), "the refusal is logged")
        assert one.said().count("new sessions refused") == 1
        for writer in flood:
            writer.transport.abort()

        async def is_admitted() -> bool:
            return (await asyncio.to_thread(handshake, one, "198.51.100.0"))[0] == 200

        await until(is_admitted, "a client of the flood's address is admitted")


@contextmanager
def slowed(one: Gateway) -> Iterator[None]:
    """Suspend the gateway for half of the time, 30 ms at a time, so that it is late and admits few sessions."""
    has_ended = threading.Event()

    def pulse() -> None:
        while not has_ended.wait(0.03):
            one.process.send_signal(signal.SIGSTOP)
            time.sleep(0.03)
            one.process.send_signal(signal.SIGCONT)

    pulses = threading.Thread(target=pulse)
    pulses.start()
    try:
        yield
    finally:
        has_ended.set()
        pulses.join()


async def waiting_opening(one: Gateway, address: str) -> asyncio.StreamWriter:
    """Request a WebSocket session as a client behind a proxy, without waiting for the answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        b"X-Forwarded-For: " + address.encode() + b"\r\n\r\n"
    )
    return writer


def handshake(one: Gateway, address: str = "127.0.0.1", seconds: float = 5.0) -> tuple[int, str]:
    """Request a polling session; return the status and the Retry-After header."""
    request = urllib.request.Request(
        f"{one.url}/socket.io/?EIO=4&transport=polling", headers={"X-Forwarded-For": address}
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:
            return response.status, ""
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After", "")
