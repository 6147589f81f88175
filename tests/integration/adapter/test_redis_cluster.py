"""The adapter on a real Redis Cluster of three masters, also while slots move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis.crc import key_slot

from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.contract import keys
from roomcast.contract.envelope import active_room
from roomcast.contract.log_scripts import PublishReceipt
from roomcast.contract.lua import SCRIPTS
from roomcast.gateway.stores.room_log import LogStore
from tests.redis_cluster import move_slot, owner_of, redis_cluster
from tests.socketio_nodes import aiohttp_node, listener
from tests.waiting import until


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    folder: Path = tmp_path_factory.mktemp("cluster")
    with redis_cluster(folder) as ports:
        yield ports


@pytest.fixture(scope="module")
def url(ports: list[int]) -> str:
    return f"redis+cluster://127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}"


async def test_events_reach_rooms_on_all_masters(url: str) -> None:
    rooms = [f"room{number}" for number in range(12)]
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(aiohttp_node(url, name)) for name in "12"]
        receivers = [await stack.enter_async_context(listener(node)) for node in (one, two)]
        for room in rooms:
            for node, receiver in zip((one, two), receivers, strict=True):
                await node.sio.enter_room(receiver.client.get_sid(), room)
        for number, room in enumerate(rooms):
            await one.sio.emit("n", number, room=room)
        for receiver in receivers:
            assert sorted(event[1] for event in await receiver.wait(12)) == list(range(12))


async def test_an_ack_returns_from_another_node(url: str) -> None:
    async with aiohttp_node(url, "1") as one, aiohttp_node(url, "2") as two, listener(two) as receiver:
        receiver.client.on("q", lambda n: n * 2)
        assert await one.sio.call("q", 21, to=receiver.client.get_sid(), timeout=20) == 42


async def test_a_room_keeps_its_log_and_its_subscription_while_its_slot_moves(url: str, ports: list[int]) -> None:
    room = "moving"
    slot = key_slot(keys.room_channel(room).encode())
    heard: list[bytes] = []
    async with started(url, heard.append) as backplane:
        log = LogStore(backplane)
        await backplane.subscribe(keys.room_channel(room))
        receipts = [await log.append(room, "u", str(n), b'"n":1}') for n in range(20)]
        for turn, target in enumerate((*ports, ports[0])):
            sending = asyncio.ensure_future(_send(log, room, f"during{turn}"))
            await asyncio.to_thread(move_slot, ports, slot, target)
            receipts += await sending
        receipts.append(await log.append(room, "u", "last", b'"n":1}'))
        assert [receipt.seq for receipt in receipts] == list(range(1, len(receipts) + 1))
        kept = (await log.read_after(room, 0, 500)).entries
        assert len(kept) == len(receipts)
        await _append_until_received(log, room, heard)


async def test_a_room_is_subscribed_again_after_its_slot_moved_away_and_back_unnoticed(
    url: str, ports: list[int]
) -> None:
    room = "there and back"
    slot = key_slot(keys.room_channel(room).encode())
    heard: list[bytes] = []
    async with started(url, heard.append) as backplane:
        await backplane.subscribe(keys.room_channel(room))
        owner = owner_of(ports, slot)
        for target in (next(port for port in ports if port != owner), owner):
            move_slot(ports, slot, target)  # no await in between: both moves happen before the slot map is read
        await _append_until_received(LogStore(backplane), room, heard)


async def test_activity_is_announced_for_rooms_on_all_masters(url: str) -> None:
    rooms = [f"active{number}" for number in range(12)]
    heard: list[str] = []
    async with started(url, lambda data: heard.append(active_room(data))) as backplane:
        log = LogStore(backplane)
        for room in rooms:
            await backplane.subscribe(keys.activity_channel(room))
        for room in rooms:
            await log.append(room, "u", "1", b'"id":"1","kind":"text","text":"x"}')
        await until(lambda: sorted(heard) == sorted(rooms), "each room is announced")


@asynccontextmanager
async def started(url: str, receive: Callable[[bytes], None]) -> AsyncIterator[Backplane]:
    """Run a backplane without a node; `receive` gets the data of its channels."""
    backplane: Backplane = make_backplane(url, name="test", scripts=SCRIPTS)
    backplane.start(lambda _channel, data: receive(data))
    await backplane.wait_up()
    try:
        yield backplane
    finally:
        await backplane.close()


async def _send(log: LogStore, room: str, prefix: str) -> list[PublishReceipt]:
    return [await log.append(room, "u", f"{prefix}-{n}", b'"n":1}') for n in range(30)]


async def _append_until_received(log: LogStore, room: str, heard: list[bytes]) -> None:
    """Append messages until one is received: then the subscription has followed the slot. Raises after 40 s."""
    deadline = asyncio.get_running_loop().time() + 40
    number = 0
    while asyncio.get_running_loop().time() < deadline:
        number += 1
        before = len(heard)
        await log.append(room, "u", f"probe{number}", b'"n":1}')
        await asyncio.sleep(0.05)
        if len(heard) > before:
            return
    raise AssertionError("the subscription has not followed the slot")
