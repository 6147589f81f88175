"""The daily allowance: rooms and bytes that one user may add to Redis in a day."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from roomcast.contract import keys
from roomcast.contract.backend import connect
from roomcast.contract.limits import MAX_MESSAGE_BYTES
from tests import gateways
from tests.gateways import Client, Clients, Gateway, store, unique
from tests.waiting import until

ROOMS_PER_DAY = 3
DAILY_BYTES = 300_000
DAY_SECONDS = 86_400
SHORT_SECONDS = 60
"""Longest `retry_after` of the rate per second, in seconds. Only the daily allowance refuses for longer."""


@pytest.fixture(scope="module")
def pair(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    """Run two gateways that let a user create three rooms and write 300 kB a day."""
    folder = tmp_path_factory.mktemp("gateways")
    settings = {"ROOMS_PER_DAY": str(ROOMS_PER_DAY), "DAILY_BYTES": str(DAILY_BYTES)}
    with gateways.gateways(folder, own_redis, 2, **settings) as running:
        yield running


async def create(client: Client) -> str:
    """Create a room; return the reason of a refusal, or an empty text."""
    answer = await client.call("room:create", {"room": unique("team"), "kind": "private"})
    return "" if answer["ok"] else str(answer["error"]["reason"])


async def test_rooms_per_day_are_limited_over_all_gateways(pair: list[Gateway], clients: Clients) -> None:
    user = unique("mallory")
    devices = [await clients(one, user) for one in pair]
    assert [await create(devices[n % 2]) for n in range(ROOMS_PER_DAY)] == [""] * ROOMS_PER_DAY
    answer = await devices[0].call("room:create", {"room": unique("team"), "kind": "private"})
    assert answer["error"]["reason"] == "rate_limited"
    assert 0 < answer["error"]["retry_after"] <= 86_400
    assert await create(devices[1]) == "rate_limited"
    assert await create(await clients(pair[0], unique("ada"))) == ""
    assert await create(await clients(pair[0], user, ops=True)) == ""


async def test_a_back_end_changes_the_room_allowance_of_one_user(
    pair: list[Gateway], clients: Clients, own_redis: str
) -> None:
    user = unique("builder")
    client = await clients(pair[0], user)
    assert await create(client) == ""
    async with connect(own_redis) as backend:
        await backend.allow_rooms(user, 5)
        assert [await create(client) for _ in range(5)] == [""] * 4 + ["rate_limited"]
        with store(own_redis) as redis:
            assert redis.ttl(f"user:{{{user}}}:created") == -1
            redis.hset(f"user:{{{user}}}:created", "ends", 1)
        assert await create(client) == "", "a new day has begun"
        await backend.allow_rooms(user, 0)
        assert await create(client) == "rate_limited"
        await backend.allow_rooms(user, None)
        assert await create(client) == ""


async def write(client: Client, room: str) -> str:
    """Send a text of the maximum size; return "" if it is acked, or the reason if the daily allowance refuses it."""
    while True:
        answer = await client.call("message:send", {"room": room, "id": unique("m"), "text": "x" * MAX_MESSAGE_BYTES})
        if answer["ok"]:
            return ""
        wait = answer["error"].get("retry_after", DAY_SECONDS)
        if wait > SHORT_SECONDS:
            return str(answer["error"]["reason"])
        await asyncio.sleep(wait)  # refused by the rate per second, which a busy gateway lowers


async def spend(client: Client, room: str) -> None:
    """Write until the daily allowance is spent. A gateway may accept the texts of one more second."""
    for _ in range(DAILY_BYTES // MAX_MESSAGE_BYTES):
        assert await write(client, room) == ""
    await until(lambda: _is_refused(client, room), "the daily allowance is spent")


async def _is_refused(client: Client, room: str) -> bool:
    return await write(client, room) == "rate_limited"


async def test_bytes_per_day_are_limited_over_all_gateways(pair: list[Gateway], clients: Clients) -> None:
    user, room = unique("mallory"), unique("public:log")
    here, there = await clients(pair[0], user), await clients(pair[1], user)
    for device in (here, there):
        await device.join(room)
    first = await here.send(room, "to be deleted")
    await spend(here, room)

    answer = await here.call("message:send", {"room": room, "id": "one-more", "text": "x"})
    assert (answer["error"]["reason"], answer["error"]["retryable"]) == ("rate_limited", True)
    assert 86_000 < answer["error"]["retry_after"] <= 86_400
    edit = {"room": room, "id": "e", "target": first["seq"], "text": "x"}
    assert await here.refused("message:edit", edit) == "rate_limited"
    await here.ok("message:delete", {"room": room, "id": "d", "target": first["seq"]})
    (oldest,) = (await here.ok("message:history", {"room": room, "before": 2}))["messages"]
    assert "text" not in oldest
    # The other gateway learns that the allowance is spent from Redis's reply to its own next report.
    for _ in range(DAILY_BYTES // MAX_MESSAGE_BYTES):
        await write(there, room)
    await until(lambda: _is_refused(there, room), "the other gateway refuses texts, too")

    await here.close()
    assert await write(await clients(pair[0], user), room) == "rate_limited", "a new connection has the same allowance"
    assert await write(await clients(pair[0], unique("ada")), room) == ""


async def test_a_back_end_raises_and_resets_the_byte_allowance_of_one_user(
    pair: list[Gateway], clients: Clients, own_redis: str
) -> None:
    user, room = unique("bot"), unique("public:log")
    client = await clients(pair[0], user)
    await client.join(room)
    await spend(client, room)
    async with connect(own_redis) as backend:
        await backend.allow_bytes(user, 100 * DAILY_BYTES)

        async def is_accepted() -> bool:
            return await write(client, room) == ""

        await until(is_accepted, "the raise is in force", 8.0)
        with store(own_redis) as redis:
            assert redis.ttl(keys.user_written(user)) == -1
        await backend.allow_bytes(user, None)
        with store(own_redis) as redis:
            assert redis.exists(keys.user_written(user)) == 0


async def test_an_unused_room_expires_with_all_its_keys(pair: list[Gateway], clients: Clients, own_redis: str) -> None:
    owner = await clients(pair[0], unique("owner"))
    unused, used = unique("team"), unique("team")
    guest = await clients(pair[1], unique("guest"))
    for room in (unused, used):
        await owner.ok("room:create", {"room": room, "kind": "private"})
        await owner.join(room)
        await owner.invite(room, guest.user)
        await owner.ok("room:sanction", {"room": room, "user": "eve", "kind": "ban", "on": True})
        await owner.ok("room:slow", {"room": room, "seconds": 1})
    await owner.send(used, "we are here to stay")

    with store(own_redis) as redis:
        lasting = [keys.room_meta, keys.room_members, keys.room_sanctions]
        for key in lasting:
            assert 0 < redis.ttl(key(unused)) <= keys.UNUSED_ROOM_SECONDS
            assert redis.ttl(key(used)) == -1
        await owner.ok("room:leave", {"room": unused})
        left = redis.keys(f"room:{{{unused}}}:*")
        assert {key(unused) for key in lasting} <= set(left)
        assert [name for name in left if redis.ttl(name) == -1] == []
        for key in lasting:
            redis.expire(key(unused), 0)
    assert [row["room"] for row in (await owner.ok("room:list"))["rooms"]] == [used]
    assert await (await clients(pair[1], owner.user)).refused("room:join", {"room": unused}) == "forbidden"


async def test_the_keys_of_joined_rooms_without_messages_expire_within_five_minutes(
    pair: list[Gateway], clients: Clients, own_redis: str
) -> None:
    """Otherwise a user could fill Redis by joining thousands of rooms that no other user has joined."""
    visitor = await clients(pair[0], unique("visitor"))
    rooms = [unique("public:empty") for _ in range(3)]
    await visitor.join(rooms[0])
    await visitor.ok("message:history", {"room": rooms[1]})
    await visitor.join(rooms[2])
    await visitor.send(rooms[2], "hello")
    left = [unique("public:never") for _ in range(3)]
    for room in left:
        await visitor.ok("room:quit", {"room": room})
    with store(own_redis) as redis:
        assert [0 < redis.ttl(keys.room_meta(room)) <= 300 for room in rooms] == [True, True, False]
        assert redis.ttl(keys.room_meta(rooms[2])) > 86_400
        assert redis.exists(*(keys.room_kicked(room) for room in left)) == 0
