"""Room occupancy on a real Redis: exact per distinct user, whatever gateways come and go."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from contract import keys
from contract.errors import Code, RoomcastError
from gateway.adapter.backplane import Backplane
from gateway.stores.roster import Roster, RosterStore
from tests.backplanes import running_backplane

ROOM = "public:lobby"


@pytest.fixture
async def backplane(redis_url: str) -> AsyncIterator[Backplane]:
    async with running_backplane(redis_url) as backplane:
        yield backplane


@pytest.fixture
def one(backplane: Backplane) -> RosterStore:
    return RosterStore(backplane, "1")


@pytest.fixture
def two(backplane: Backplane) -> RosterStore:
    return RosterStore(backplane, "2")


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(redis_url, decode_responses=True)
    yield client
    await client.aclose()


async def test_a_user_counts_once_on_two_gateways(one: RosterStore, two: RosterStore) -> None:
    assert await one.enter(ROOM, "ada") == Roster(1, ["ada"], [], ["ada"])
    assert await two.enter(ROOM, "ada") == Roster(1, [], [], ["ada"])
    assert await one.exit(ROOM, "ada") == Roster(1, [], [], [])
    assert await two.exit(ROOM, "ada") == Roster(0, [], ["ada"], [])


async def test_repeats_change_nothing(one: RosterStore) -> None:
    await one.enter(ROOM, "ada")
    assert (await one.enter(ROOM, "ada")).appeared == []
    await one.exit(ROOM, "ada")
    assert await one.exit(ROOM, "ada") == Roster(0, [], [], [])


async def test_occupancy_is_exact_under_random_traffic(one: RosterStore, two: RosterStore) -> None:
    dice, here = random.Random(7), defaultdict(set)
    stores = {"1": one, "2": two}
    users = [f"user{n}" for n in range(12)]
    for _ in range(400):
        node, user = dice.choice("12"), dice.choice(users)
        before = set(here[user])
        action = dice.choice(["enter", "exit", "refresh"])
        if action == "enter":
            roster = await stores[node].enter(ROOM, user)
            here[user].add(node)
        elif action == "exit":
            roster = await stores[node].exit(ROOM, user)
            here[user].discard(node)
        else:
            present = [name for name in users if node in here[name]]
            roster = (await stores[node].refresh({ROOM: present}))[ROOM]
        assert roster.occupancy == sum(1 for nodes in here.values() if nodes)
        assert roster.appeared == ([user] if here[user] and not before else [])
        assert roster.vanished == ([user] if before and not here[user] else [])


async def test_entries_of_a_dead_gateway_age_out_twenty_at_a_time(
    one: RosterStore, two: RosterStore, client: Redis
) -> None:
    for n in range(30):
        await one.enter(ROOM, f"user{n}")
    await two.enter(ROOM, "user0")
    past = int(time.time()) - 5
    await client.zadd(keys.room_here(ROOM), {f"user{n}|1": past for n in range(30)})
    first = (await two.refresh({ROOM: ["user0"]}))[ROOM]
    second = (await two.refresh({ROOM: ["user0"]}))[ROOM]
    assert len(first.vanished) in (19, 20)
    assert sorted(first.vanished + second.vanished) == sorted(f"user{n}" for n in range(1, 30))
    assert second.occupancy == 1
    assert second.users == ["user0"]


async def test_a_gateway_that_was_slow_keeps_its_own(one: RosterStore, client: Redis) -> None:
    await one.enter(ROOM, "ada")
    await client.zadd(keys.room_here(ROOM), {"ada|1": 1})
    assert (await one.refresh({ROOM: ["ada"]}))[ROOM] == Roster(1, [], [], ["ada"])
    await client.zadd(keys.room_here(ROOM), {"ada|1": 1})
    assert await one.enter(ROOM, "ada") == Roster(1, [], [], ["ada"])


async def test_refresh_restores_an_empty_redis(one: RosterStore, client: Redis) -> None:
    users = [f"user{n}" for n in range(450)]
    await client.flushall()
    roster = (await one.refresh({ROOM: users}, users=10))[ROOM]
    assert roster.occupancy == 450
    assert sorted(roster.appeared) == sorted(users)
    assert len(roster.users) == 10
    assert await one.occupancy(ROOM) == 450
    empty = (await one.refresh({f"public:{n}": [] for n in range(150)}))["public:149"]
    assert empty == Roster(0, [], [], [])


async def test_keys_expire_together(one: RosterStore, client: Redis) -> None:
    await one.enter(ROOM, "ada")
    lives = [await client.ttl(key) for key in (keys.room_here(ROOM), keys.room_heads(ROOM))]
    assert lives == [120, 120]


async def test_members_page_sorted(one: RosterStore) -> None:
    users = sorted(f"user{n}" for n in range(250))
    await one.refresh({ROOM: users})
    got: list[str] = []
    after = None
    while True:
        page = await one.page(ROOM, after)
        assert len(page.users) <= 100
        got += page.users
        after = page.after
        if after is None:
            break
    assert got == users


async def test_a_large_room_is_walked_whole_and_in_bounds(one: RosterStore) -> None:
    users = {f"user{n}" for n in range(3000)}
    await one.refresh({ROOM: sorted(users)})
    got: set[str] = set()
    page = await one.page(ROOM, "zzz")
    while page.after is not None:
        assert len(page.users) <= 100
        got |= set(page.users)
        page = await one.page(ROOM, page.after)
    assert got | set(page.users) == users


@pytest.mark.parametrize("after", ["~x", "~-1", "~", "~" + "9" * 20, "~" + "0" * 29 + "1" * 5])
async def test_a_made_up_cursor_is_refused(one: RosterStore, after: str) -> None:
    with pytest.raises(RoomcastError) as caught:
        await one.page(ROOM, after)
    assert caught.value.code is Code.BAD_REQUEST


async def test_concurrent_changes_stay_exact(one: RosterStore, two: RosterStore) -> None:
    users = [f"user{n}" for n in range(100)]
    await asyncio.gather(*(store.enter(ROOM, user) for user in users for store in (one, two)))
    await asyncio.gather(*(one.exit(ROOM, user) for user in users), *(two.exit(ROOM, user) for user in users[:40]))
    assert await one.occupancy(ROOM) == 60
