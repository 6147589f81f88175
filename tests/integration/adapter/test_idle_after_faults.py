"""After malformed packets and lost Redis connections, a gateway delivers all messages and is idle."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import psutil
import pytest
import redis

from roomcast.adapter.node_messages import Canary, Emit, EmitAck, Membership
from roomcast.contract import keys
from roomcast.wire.envelope import (
    KIND_EVENT,
    KIND_MESSAGE,
    pack,
    pack_close,
    pack_event,
    pack_note,
    pack_question,
    pack_routing,
)
from tests import gateways
from tests.gateways import Client, Clients, Gateway, unique
from tests.proxy import MutingProxy, muting_proxy
from tests.waiting import until

IDLE_SHARE = 0.01
"""Share of a core below which a process counts as idle."""
WINDOW_SECONDS = 2.0
WITHIN_SECONDS = 20.0


async def becomes_idle(gateway: Gateway) -> None:
    """Wait until the process uses less than 1 % of a core over two seconds. Raises AssertionError after 20 s."""
    process = psutil.Process(gateway.process.pid)
    deadline = asyncio.get_running_loop().time() + WITHIN_SECONDS
    while True:
        before = sum(process.cpu_times()[:2])
        await asyncio.sleep(WINDOW_SECONDS)
        share = (sum(process.cpu_times()[:2]) - before) / WINDOW_SECONDS
        if share < IDLE_SHARE:
            return
        assert asyncio.get_running_loop().time() < deadline, f"still {share:.1%} of a core"


@pytest.fixture(scope="module")
def gateway(redis_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    url = f"redis://127.0.0.1:{redis_port}/0"
    with gateways.gateway(tmp_path_factory.mktemp("idle"), url) as running:
        yield running


@pytest.fixture
def admin(redis_port: int) -> Iterator[redis.Redis]:
    with redis.Redis(port=redis_port) as client:
        yield client


def forged(seq: int, epoch: bytes, body: bytes = b'2["message",{}]') -> bytes:
    return bytes((1, KIND_MESSAGE)) + epoch + seq.to_bytes(8, "big") + pack_routing("/") + body


def raw_packet(namespace: bytes, body: bytes) -> bytes:
    return struct.pack(">BB16sQBH", 1, KIND_EVENT, bytes(16), 0, len(namespace), 0) + namespace + body


async def test_a_gateway_is_idle_after_messages_with_forged_seq_numbers(
    gateway: Gateway, clients: Clients, admin: redis.Redis
) -> None:
    room = unique("public:far")
    client = await clients(gateway, "ada")
    epoch = (await client.join(room))["epoch"].encode()
    for seq in (10, 2**40, 2**63, 2**64 - 1):
        admin.execute_command("SPUBLISH", keys.room_channel(room), forged(seq, epoch))
    await becomes_idle(gateway)
    await assert_receives_messages(client, room)
    await client.close()
    await becomes_idle(gateway)


async def test_invalid_packets_end_no_subscription_and_disconnect_no_client(
    gateway: Gateway, clients: Clients, admin: redis.Redis
) -> None:
    room = unique("public:garbage")
    client = await clients(gateway, "ada")
    await client.join(room)
    node = keys.node_channel(gateway.node)
    harm = [
        *((keys.room_channel(room), data) for data in garbage()),
        *((keys.namespace_channel("/"), data) for data in garbage()),
        *((node, data) for data in garbage()),
        (node, pack(Emit("/", client.io.get_sid(), b"\xff\xff", (), None, 0))),
        (node, pack(Emit("/", client.io.get_sid(), b"51-[", (b"x",), "1", 1))),
        (node, pack(EmitAck(99, b"\xff"))),
        (node, pack(EmitAck(99, b"[1]"))),
        (node, pack(Membership("/", client.io.get_sid(), "", enter=True))),
        *((f"{node[:-1]}.0}}", data) for data in garbage()),
        (keys.user_channel("ada"), b"\x01\x91\xa4user"),
        *((keys.presence_channel(shard), b"\x01\xc1") for shard in range(keys.PRESENCE_SHARDS)),
    ]
    for _ in range(20):
        for channel, data in harm:
            admin.execute_command("SPUBLISH", channel, data)
        admin.publish(keys.CONTROL, b"\x01\xff")
    await assert_receives_messages(client, room)
    assert gateway.metric("roomcast_gateway_redis_reconnects") == 0
    lines = [line for line in gateway.said().splitlines() if "warning" in line or "error" in line]
    assert 1 <= len(lines) <= 12, lines
    gateway.check_log()
    assert not client.gone.is_set()
    await becomes_idle(gateway)


def garbage() -> list[bytes]:
    return [
        b"",
        b"\x01",
        b"\x02\x01",
        raw_packet(b"\xff\xfe", b"2[]"),
        raw_packet(b"/", b'2["\xff"]'),
        raw_packet(b"/", b'2["cut'),
        pack_event("/", b'2["e"]')[:30],
        pack_event("/", b'51-["e"]', (), (b"one", b"two")),
        pack_event("/", b'2["e"]', ("=%ff", "=", "%")),
    ]


async def assert_receives_messages(client: Client, room: str) -> None:
    """Check that the client receives its own new message in the room."""
    text = unique("still here")
    await client.send(room, text)
    await client.expect_text(text)


@asynccontextmanager
async def gateway_behind(proxy: MutingProxy, folder: Path, node: str) -> AsyncIterator[Gateway]:
    """Run a gateway that reaches Redis through the proxy."""
    context = gateways.gateway(folder, f"redis://127.0.0.1:{proxy.port}/0", node)
    running = await asyncio.to_thread(context.__enter__)
    try:
        yield running
    finally:
        proxy.is_muted = False
        await asyncio.to_thread(context.__exit__, None, None, None)


async def until_ready(gateway: Gateway, is_ready: bool = True) -> None:
    await until(lambda: asyncio.to_thread(lambda: gateway.is_ready is is_ready), f"{is_ready=}", WITHIN_SECONDS)


async def test_a_gateway_is_idle_after_the_last_member_of_a_room_with_a_gap_has_left(
    redis_port: int, admin: redis.Redis, tmp_path: Path
) -> None:
    """Redis commands fail while the member leaves. The gateway stops filling the gap; later the room works again."""
    room = unique("public:gap")
    async with (
        muting_proxy(redis_port, b"roomcast-gateway-7\r\n") as proxy,
        gateway_behind(proxy, tmp_path, "7") as gateway,
    ):
        client = Client("ada")
        await client.connect(gateway.url)
        epoch = (await client.join(room))["epoch"].encode()
        proxy.is_muted = True
        admin.execute_command("SPUBLISH", keys.room_channel(room), forged(5, epoch))
        await until_ready(gateway, is_ready=False)
        await client.close()
        rooms = partial(gateway.metric, "roomcast_gateway_rooms")
        await until(lambda: asyncio.to_thread(lambda: rooms() == 0), "the empty room is unsubscribed", WITHIN_SECONDS)
        await becomes_idle(gateway)
        proxy.is_muted = False
        await until_ready(gateway)
        again = Client("ada")
        await again.connect(gateway.url)
        await again.join(room)
        await assert_receives_messages(again, room)
        await again.close()
        await becomes_idle(gateway)


async def test_a_gateway_delivers_all_messages_and_is_idle_after_a_lost_subscription(
    redis_port: int, gateway: Gateway, clients: Clients, tmp_path: Path
) -> None:
    """One member leaves during the outage. The other member gets all messages in order after the outage."""
    room = unique("public:deaf")
    async with muting_proxy(redis_port, b"-pubsub") as proxy, gateway_behind(proxy, tmp_path, "8") as deaf:
        stays, leaves, sender = Client("ada"), Client("bob"), await clients(gateway, "cleo")
        for client in (stays, leaves):
            await client.connect(deaf.url)
            await client.join(room)
        await sender.join(room)
        await sender.send(room, "before")
        await stays.expect_text("before")
        proxy.is_muted = True
        for number in range(20):
            await sender.send(room, f"meanwhile {number}")
        await leaves.close()
        await until_ready(deaf, is_ready=False)
        await becomes_idle(deaf)
        proxy.is_muted = False
        await stays.expect_text("meanwhile 19", WITHIN_SECONDS)
        assert stays.texts(room) == ["before", *(f"meanwhile {number}" for number in range(20))]
        await until_ready(deaf)
        await stays.close()
        await becomes_idle(deaf)


async def test_mutated_packets_cause_no_error_no_reconnect_and_no_memory_growth(
    gateway: Gateway, clients: Clients, admin: redis.Redis
) -> None:
    """Publish packets of every kind, with up to three wrong bytes, to rooms, nodes, users and presence."""
    room = unique("public:fuzz")
    client = await clients(gateway, "ada")
    epoch = (await client.join(room))["epoch"].encode()
    sid = client.io.get_sid()
    event = Emit("/", sid, b'2["e"]', (), "1", 3)
    seeds = [
        pack_event("/", b'2["e",1]', ("=other",)),
        pack_event("/", b'51-["e"]', (), (b"x",)),
        pack_close("/elsewhere"),
        pack_question("/", event),
        pack_note("/", Canary("x", 1)),
        forged(5, epoch),
        *map(pack, (event, EmitAck(1, b"\x90"), Membership("/", sid, "r", enter=True), Canary("x", 1, 2.0))),
    ]
    channels = [
        keys.room_channel(room),
        keys.namespace_channel("/"),
        keys.node_channel(gateway.node),
        keys.node_channel(f"{gateway.node}.0"),
        keys.user_channel("ada"),
        keys.presence_channel(0),
    ]
    process, chance = psutil.Process(gateway.process.pid), random.Random(42)
    memory = process.memory_info().rss
    for number in range(3_000):
        admin.execute_command("SPUBLISH", chance.choice(channels), mutated(chance.choice(seeds), chance))
        if number % 100 == 0 and client.gone.is_set():  # the client ends its connection if it cannot parse a packet
            client = await clients(gateway, "ada")
            await client.join(room)
    last = await clients(gateway, "bob")
    await last.join(room)
    await assert_receives_messages(last, room)
    gateway.check_log()
    assert gateway.is_ready
    assert gateway.metric("roomcast_gateway_redis_reconnects") == 0
    assert process.memory_info().rss - memory < 20_000_000
    await becomes_idle(gateway)


def mutated(packet: bytes, chance: random.Random) -> bytes:
    """Return the packet with up to three bytes changed, and sometimes truncated."""
    data = bytearray(packet)
    for _ in range(chance.randrange(4)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.3 else data)
