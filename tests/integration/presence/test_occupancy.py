"""Room occupancy on a real Redis: the exact number of distinct users, also when a gateway dies."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from roomcast.adapter.redis.backplane import Backplane
from roomcast.contract import keys
from roomcast.contract.envelope import OccupancyChange, RoomNote
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_PRESENCE_ROOM
from roomcast.gateway.stores.occupancy import JoinResult, OccupancyStore, OccupancyUpdate
from roomcast.wire.envelope import KIND_NOTE, Reader, unpack_room
from tests.backplanes import running_backplane

ROOM = "public:lobby"


@pytest.fixture
async def backplane(redis_url: str) -> AsyncIterator[Backplane]:
    async with running_backplane(redis_url) as backplane:
        yield backplane


@pytest.fixture
def one(backplane: Backplane) -> OccupancyStore:
    return OccupancyStore(backplane, "1")


@pytest.fixture
def two(backplane: Backplane) -> OccupancyStore:
    return OccupancyStore(backplane, "2")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


class Gateway:
    """A gateway's subscription of the room. It records the published occupancy changes."""

    def __init__(self) -> None:
        self._notes: list[OccupancyChange] = []
        self.backplane: Backplane

    def receive(self, channel: bytes, data: bytes) -> None:
        packet = unpack_room(data)
        assert (channel.decode(), packet.kind, packet.namespace) == (keys.room_channel(ROOM), KIND_NOTE, "/")
        self._notes.append(Reader(RoomNote).unpack(packet.body))

    async def new_changes(self) -> list[OccupancyChange]:
        """Return the changes published since the last call, including those of all scripts that have returned."""
        end = self.backplane.subscribe(f"end:{random.random()}")  # the confirmation arrives after all earlier packets
        await end
        notes, self._notes = self._notes, []
        return notes


@pytest.fixture
async def gateway(redis_url: str) -> AsyncIterator[Gateway]:
    gateway = Gateway()
    async with running_backplane(redis_url, hear=gateway.receive) as gateway.backplane:
        await gateway.backplane.subscribe(keys.room_channel(ROOM))
        yield gateway


async def refresh(
    store: OccupancyStore, here: dict[str, list[str]], users: int = MAX_PRESENCE_ROOM
) -> dict[str, OccupancyUpdate]:
    return {room: update async for room, update in store.refresh_rooms(list(here), here.__getitem__, users=users)}


async def test_a_user_counts_once_on_two_gateways(one: OccupancyStore, two: OccupancyStore, gateway: Gateway) -> None:
    assert await one.enter_room(ROOM, "ada", "Ada", "busy") == JoinResult(1, ["ada"], {})
    assert await gateway.new_changes() == [OccupancyChange(1, [("ada", "Ada", "busy")])]
    assert await two.enter_room(ROOM, "ada", "Ada") == JoinResult(1, ["ada"], {})
    assert await one.leave_room(ROOM, "ada") == OccupancyUpdate(1, [], [], [])
    assert await gateway.new_changes() == []
    assert await two.leave_room(ROOM, "ada") == OccupancyUpdate(0, [], ["ada"], [])
    assert await gateway.new_changes() == [OccupancyChange(0, [], ["ada"])]


async def test_a_repeated_enter_or_leave_publishes_no_change(one: OccupancyStore, gateway: Gateway) -> None:
    await one.enter_room(ROOM, "ada")
    await one.enter_room(ROOM, "ada")
    await one.leave_room(ROOM, "ada")
    assert await one.leave_room(ROOM, "ada") == OccupancyUpdate(0, [], [], [])
    assert await gateway.new_changes() == [
        OccupancyChange(1, [("ada", "ada", "online")]),
        OccupancyChange(0, [], ["ada"]),
    ]


async def test_reading_the_users_of_a_room_does_not_enter_the_room(one: OccupancyStore, gateway: Gateway) -> None:
    await one.enter_room(ROOM, "ada")
    await gateway.new_changes()
    assert await one.read_room(ROOM, "bob") == JoinResult(1, ["ada"], {})
    assert await gateway.new_changes() == []


async def test_a_join_returns_the_read_marks(one: OccupancyStore, client: Redis) -> None:
    await client.hset(keys.room_read(ROOM), mapping={"ada": 3, "bob": 5, "gone": 9})
    await one.enter_room(ROOM, "ada")
    await one.enter_room(ROOM, "carol")
    assert (await one.enter_room(ROOM, "bob", users=0)) == JoinResult(3, [], {"ada": 3, "bob": 5})
    assert (await one.read_room(ROOM, "gone")).marks == {"ada": 3, "bob": 5, "gone": 9}


async def test_a_join_of_a_large_room_returns_no_users_and_only_the_own_read_mark(
    one: OccupancyStore, client: Redis
) -> None:
    users = [f"user{n}" for n in range(MAX_PRESENCE_ROOM)]
    await refresh(one, {ROOM: users})
    await client.hset(keys.room_read(ROOM), mapping=dict.fromkeys([*users, "ada"], 7))
    assert await one.enter_room(ROOM, "ada") == JoinResult(MAX_PRESENCE_ROOM + 1, [], {"ada": 7})


async def test_occupancy_is_exact_under_random_traffic(
    one: OccupancyStore, two: OccupancyStore, gateway: Gateway
) -> None:
    dice = random.Random(7)
    here: defaultdict[str, set[str]] = defaultdict(set)
    stores = {"1": one, "2": two}
    users = [f"user{n}" for n in range(12)]
    for _ in range(400):
        node, user = dice.choice("12"), dice.choice(users)
        before = set(here[user])
        action = dice.choice(["enter", "exit", "refresh"])
        if action == "enter":
            occupancy = (await stores[node].enter_room(ROOM, user)).occupancy
            here[user].add(node)
        elif action == "exit":
            occupancy = (await stores[node].leave_room(ROOM, user)).occupancy
            here[user].discard(node)
        else:
            present = [name for name in users if node in here[name]]
            occupancy = (await refresh(stores[node], {ROOM: present}))[ROOM].occupancy
        assert occupancy == sum(1 for nodes in here.values() if nodes)
        entered = [(user, user, "online")] if here[user] and not before else []
        left = [user] if before and not here[user] else []
        assert await gateway.new_changes() == ([OccupancyChange(occupancy, entered, left)] if entered or left else [])


async def test_occupants_of_a_dead_gateway_are_removed_twenty_at_a_time(
    one: OccupancyStore, two: OccupancyStore, client: Redis, gateway: Gateway
) -> None:
    for n in range(30):
        await one.enter_room(ROOM, f"user{n}")
    await two.enter_room(ROOM, "user0")
    await gateway.new_changes()
    past = int(time.time()) - 5
    await client.zadd(keys.room_occupants(ROOM), {f"user{n}|1": past for n in range(30)})
    first = (await refresh(two, {ROOM: ["user0"]}))[ROOM]
    second = (await refresh(two, {ROOM: ["user0"]}))[ROOM]
    assert len(first.vanished) in (19, 20)
    assert sorted(first.vanished + second.vanished) == sorted(f"user{n}" for n in range(1, 30))
    assert second.occupancy == 1
    assert second.users == ["user0"]
    assert [sorted(note.left) for note in await gateway.new_changes()] == [
        sorted(first.vanished),
        sorted(second.vanished),
    ]


async def test_a_slow_gateway_keeps_its_occupants(one: OccupancyStore, client: Redis) -> None:
    await one.enter_room(ROOM, "ada")
    await client.zadd(keys.room_occupants(ROOM), {"ada|1": 1})
    assert (await refresh(one, {ROOM: ["ada"]}))[ROOM] == OccupancyUpdate(1, [], [], ["ada"])
    await client.zadd(keys.room_occupants(ROOM), {"ada|1": 1})
    assert await one.enter_room(ROOM, "ada") == JoinResult(1, ["ada"], {})


async def test_a_refresh_restores_the_occupants_after_redis_was_emptied(one: OccupancyStore, client: Redis) -> None:
    users = [f"user{n}" for n in range(450)]
    await client.flushall()
    update = (await refresh(one, {ROOM: users}, users=449))[ROOM]
    assert update.occupancy == 450
    assert sorted(update.appeared) == sorted(users)
    assert update.users == []
    assert sorted((await refresh(one, {ROOM: users}, users=450))[ROOM].users) == sorted(users)
    assert await one.count_users(ROOM) == 450
    empty = (await refresh(one, {f"public:{n}": [] for n in range(150)}))["public:149"]
    assert empty == OccupancyUpdate(0, [], [], [])


async def test_the_keys_of_a_room_s_occupancy_expire_together(one: OccupancyStore, client: Redis) -> None:
    await one.enter_room(ROOM, "ada")
    lives = [await client.ttl(key) for key in (keys.room_occupants(ROOM), keys.room_nodes_of(ROOM))]
    assert lives == [120, 120]


async def test_pages_of_users_are_sorted(one: OccupancyStore) -> None:
    users = sorted(f"user{n}" for n in range(250))
    await refresh(one, {ROOM: users})
    got: list[str] = []
    after = None
    while True:
        page = await one.page_users(ROOM, after)
        assert len(page.users) <= 100
        got += page.users
        after = page.after
        if after is None:
            break
    assert got == users


async def test_all_users_of_a_large_room_are_read_in_pages_of_at_most_100(one: OccupancyStore) -> None:
    users = {f"user{n}" for n in range(3000)}
    await refresh(one, {ROOM: sorted(users)})
    got: set[str] = set()
    page = await one.page_users(ROOM, "zzz")
    while page.after is not None:
        assert len(page.users) <= 100
        got |= set(page.users)
        page = await one.page_users(ROOM, page.after)
    assert got | set(page.users) == users


@pytest.mark.parametrize("after", ["~x", "~-1", "~", "~" + "9" * 20, "~" + "0" * 29 + "1" * 5])
async def test_a_made_up_cursor_is_refused(one: OccupancyStore, after: str) -> None:
    with pytest.raises(RoomcastError) as caught:
        await one.page_users(ROOM, after)
    assert caught.value.code is Code.BAD_REQUEST


async def test_occupancy_is_exact_after_concurrent_changes(one: OccupancyStore, two: OccupancyStore) -> None:
    users = [f"user{n}" for n in range(100)]
    await asyncio.gather(*(store.enter_room(ROOM, user) for user in users for store in (one, two)))
    await asyncio.gather(
        *(one.leave_room(ROOM, user) for user in users), *(two.leave_room(ROOM, user) for user in users[:40])
    )
    assert await one.count_users(ROOM) == 60


async def test_the_meta_key_of_a_room_without_messages_is_kept_while_the_room_has_occupants(
    one: OccupancyStore, client: Redis
) -> None:
    await client.hset(keys.room_meta(ROOM), "seq", "0")
    await client.expire(keys.room_meta(ROOM), 10)
    await refresh(one, {ROOM: ["ada"]})
    assert 10 < await client.ttl(keys.room_meta(ROOM)) <= 300
    for life in (-1, 86_400):
        await (client.persist(keys.room_meta(ROOM)) if life < 0 else client.expire(keys.room_meta(ROOM), life))
        await refresh(one, {ROOM: ["ada"]})
        assert await client.ttl(keys.room_meta(ROOM)) == life, "a longer expiry is kept"
