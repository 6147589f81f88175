"""A gateway that was cut from Redis reads revocations before it delivers or accepts any event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from roomcast.contract.backend import Backend, connect
from tests import servers
from tests.gateways import Client, Clients, Gateway, gateway, unique
from tests.proxy import CuttableProxy, MutingProxy, cuttable_proxy, muting_proxy
from tests.waiting import until

TIMEOUT_SECONDS = 0.4
"""Redis timeout of the gateway, in seconds. After a cut of five times this length, the gateway is isolated."""


@pytest.fixture(scope="module")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with servers.redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
async def backend(redis_port: int) -> AsyncIterator[Backend]:
    """Yield a back end that reaches Redis directly, not through the gateway's proxy."""
    async with connect(f"redis://127.0.0.1:{redis_port}/0") as made:
        yield made


@pytest.fixture
async def proxy(redis_port: int) -> AsyncIterator[CuttableProxy]:
    async with cuttable_proxy(redis_port) as made:
        yield made


@pytest.fixture
async def muting(redis_port: int) -> AsyncIterator[MutingProxy]:
    """Run a proxy that forwards commands, and can drop published packets."""
    async with muting_proxy(redis_port, b"-pubsub") as made:
        yield made


@asynccontextmanager
async def behind(port: int, folder: Path) -> AsyncIterator[Gateway]:
    """Run a gateway behind a proxy. Start and stop it in a thread, because the proxy runs in this event loop."""
    url = f"redis://127.0.0.1:{port}/0"
    starting = gateway(folder, url, "3", REDIS_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS), DRAIN_SECONDS="1")
    yield await asyncio.to_thread(starting.__enter__)
    await asyncio.to_thread(starting.__exit__, None, None, None)


@pytest.fixture
async def cut_off(proxy: CuttableProxy, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with behind(proxy.port, tmp_path) as running:
        yield running


@pytest.fixture
async def deaf(muting: MutingProxy, tmp_path: Path) -> AsyncIterator[Gateway]:
    async with behind(muting.port, tmp_path) as running:
        yield running


async def people(running: Gateway, clients: Clients, room: str) -> tuple[Client, Client, Client]:
    """Connect and join ada, who may stay, mallory, whom the test revokes, and eve, whom the test may kick."""
    made = [await clients(running, unique(name), rooms=["team:*"]) for name in ("ada", "mallory", "eve")]
    for client in made:
        await client.join(room)
    ada, mallory, eve = made
    return ada, mallory, eve


async def is_isolated(running: Gateway) -> bool:
    return await asyncio.to_thread(running.metric, "roomcast_gateway_isolated") == 1.0


async def test_a_user_revoked_during_an_outage_gets_no_message_after_the_outage(
    cut_off: Gateway, proxy: CuttableProxy, backend: Backend, clients: Clients
) -> None:
    room = unique("team:cut")
    ada, mallory, eve = await people(cut_off, clients, room)
    await ada.send(room, "before")
    await eve.expect_text("before")

    proxy.cut()
    await until(lambda: is_isolated(cut_off), "the gateway is isolated", 10.0)
    await backend.revoke_user(mallory.user)
    await backend.kick(room, eve.user)
    for number in range(20):
        await backend.publish(room, "news", f"during {number}")
    assert await ada.refused("presence") == "unavailable"
    assert await ada.refused("message:send", {"room": room, "id": "x", "text": "x"}) == "unavailable"
    assert not ada.gone.is_set()
    assert not mallory.gone.is_set()

    proxy.restore()
    await mallory.expect_gone(10.0)
    await ada.expect_text("during 19", 10.0)
    await eve.expect("room", lambda event: event["change"] == "removed", 10.0)
    assert ada.texts(room) == ["before", *(f"during {number}" for number in range(20))]
    assert mallory.texts(room) == eve.texts(room) == ["before"]
    await until(lambda: cut_off.is_ready, "the gateway is ready again")
    await ada.send(room, "after")


async def test_a_deaf_gateway_delivers_no_message_until_it_has_read_revocations(
    deaf: Gateway, muting: MutingProxy, backend: Backend, clients: Clients
) -> None:
    """Commands work all the time. Only the silent subscriptions reveal the fault."""
    room = unique("team:deaf")
    ada, mallory, _ = await people(deaf, clients, room)
    muting.is_muted = True
    await backend.revoke_user(mallory.user)
    await backend.publish(room, "news", "during")
    await until(lambda: is_isolated(deaf), "the gateway is isolated", 10.0)
    assert await ada.refused("message:send", {"room": room, "id": "x", "text": "x"}) == "unavailable"
    muting.is_muted = False
    await ada.expect_text("during", 15.0)
    await mallory.expect_gone()
    assert mallory.texts(room) == []
    assert not ada.gone.is_set()
