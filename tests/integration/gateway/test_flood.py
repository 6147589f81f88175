"""Many connections that send too much: a gateway still serves other clients, drains in time, and frees its memory."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse

from roomcast.gateway.operations.memory_release import QUIET_SECONDS
from roomcast.gateway.operations.user_limits import MAX_CONNECTIONS
from roomcast.wire.tasks import TaskSet
from tests.gateways import Clients, Gateway, gateway, gateways, token, unique
from tests.waiting import until

CONNECTIONS = 200
EVENTS_PER_SECOND = 100
DRAIN_SECONDS = 4.0
MEMORY_BYTES = 20_000_000
"""Growth of the gateway's memory that is allowed after a flood."""


async def _flood_one(http: ClientSession, url: str, user: str, room: str) -> int:
    """Sign in, join, and send until the gateway closes the connection; return the number of sent events."""
    sent = 0
    try:
        async with http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket") as socket:
            await socket.send_str("40" + json.dumps({"token": token(user)}))
            await socket.send_str(f'420["room:join",{{"room":"{room}"}}]')
            reader = asyncio.ensure_future(_read(socket))
            while not socket.closed and not reader.done():
                for _ in range(EVENTS_PER_SECOND // 10):
                    sent += 1
                    await socket.send_str(f'42{sent}["message:send",{{"room":"{room}","id":"{sent}","text":"flood"}}]')
                await asyncio.sleep(0.1)
            reader.cancel()
    except Exception:  # the gateway refused or closed the connection, as expected
        pass
    return sent


async def _read(socket: ClientWebSocketResponse) -> None:
    async for _ in socket:
        pass


@asynccontextmanager
async def flood(one: Gateway, users: list[str], room: str) -> AsyncIterator[None]:
    """Keep CONNECTIONS connections open; replace each connection that the gateway has closed."""
    async with ClientSession() as http:

        async def client(user: str) -> None:
            while True:
                await _flood_one(http, one.url, user, room)
                await asyncio.sleep(0.5)

        tasks = TaskSet()
        for n in range(CONNECTIONS):
            tasks.start(client(users[n % len(users)]), "client")
        try:
            yield
        finally:
            await tasks.cancel()


async def test_a_flood_by_one_user_does_not_delay_another_user(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    """Each message is acked within the time limit of `Client`. `make attack-figures` measures the exact delay."""
    with gateway(tmp_path, redis_url, "1") as one:
        room, user = unique("public:talk"), unique("mallory")
        ada = await clients(one, "ada")
        await ada.join("public:quiet")
        limited = 'roomcast_gateway_events_total{event="message:send",outcome="rate_limited"}'
        refused = 'roomcast_gateway_connects_total{outcome="rate_limited"}'
        async with flood(one, [user], room):

            async def is_refused() -> bool:
                await ada.send("public:quiet", "still here")
                return one.metric(limited) + one.metric(refused) > 0

            await until(is_refused, "some of the flood is refused", 60)
            assert one.metric("roomcast_gateway_connections") <= MAX_CONNECTIONS + 1
        assert one.is_ready


@pytest.mark.timeout(180)
async def test_memory_is_freed_after_a_flood(redis_url: str, tmp_path: Path) -> None:
    with gateway(tmp_path, redis_url, "1", PENDING_PER_ADDRESS="1000") as one:
        users, sizes = [f"user-{n}" for n in range(CONNECTIONS)], [one.metric("process_resident_memory_bytes")]
        for _ in range(2):
            async with flood(one, users, unique("public:talk")):
                await asyncio.sleep(3.0)
                assert one.get("/healthz")[0] == 200
            await until(lambda: one.metric("roomcast_gateway_connections") == 0, "all connections are closed", 20)
            await asyncio.sleep(QUIET_SECONDS + 2)
            sizes.append(one.metric("process_resident_memory_bytes"))
        assert max(sizes) - sizes[0] < MEMORY_BYTES, sizes


async def test_a_drain_ends_in_time_under_a_flood(redis_url: str, tmp_path: Path) -> None:
    with gateway(tmp_path, redis_url, "1", DRAIN_SECONDS=str(DRAIN_SECONDS), PENDING_PER_ADDRESS="1000") as one:
        async with flood(one, [f"user-{n}" for n in range(CONNECTIONS)], unique("public:talk")):
            await until(lambda: one.metric("roomcast_gateway_connections") > 20, "the flood has begun")
            started = time.monotonic()
            await asyncio.to_thread(one.stop, 30.0)
            assert time.monotonic() - started < DRAIN_SECONDS + 4.0


async def test_a_user_is_limited_across_gateways(redis_url: str, tmp_path: Path, clients: Clients) -> None:
    """A user may send at four times the rate of a connection, however many gateways the user is connected to.

    Each gateway alone would allow 40 events a second. A busy machine only lowers the measured rate.
    """
    with gateways(tmp_path, redis_url, 2, EVENTS_PER_SECOND="10") as both:
        user = unique("mallory")
        devices = [await clients(both[n % 2], user) for n in range(8)]
        allowed, refused = 0, [0, 0]

        async def ask(device: int) -> None:
            nonlocal allowed
            while True:
                answer = await devices[device].call("presence:query", {"users": []})
                allowed += answer["ok"]
                refused[device % 2] += not answer["ok"]
                await asyncio.sleep(0.08)

        async def is_limited_together() -> bool:
            before, began = allowed, time.monotonic()
            await asyncio.sleep(2.0)
            return all(refused) and (allowed - before) / (time.monotonic() - began) < 60

        tasks = TaskSet()
        for n in range(8):
            tasks.start(ask(n), "device")
        await until(is_limited_together, "the gateways share the limit", 60)
        before = allowed
        await until(lambda: allowed > before, "the user is not locked out", 10)
        await tasks.cancel()
