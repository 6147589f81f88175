"""Small requests either read little from Redis, or count as several events."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from roomcast.contract import keys
from tests import gateways
from tests.gateways import Clients, Gateway, Json, store, unique


async def test_a_token_refresh_does_not_read_the_kicks_of_other_users(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    """Otherwise a moderator, who can kick 100,000 users a day, could make each new token costly."""
    room, member = unique("public:kicks"), await clients(gateway, unique("member"))
    await member.join(room)
    with store(own_redis) as redis:
        redis.hset(keys.room_kicked(room), mapping={f"user-{number}": 1 for number in range(20_000)})
        before = redis.info("stats")["total_net_output_bytes"]
        for _ in range(3):
            await member.ok("auth:refresh", {"token": gateways.token(member.user)})
        assert redis.info("stats")["total_net_output_bytes"] - before < 200_000
    assert (await member.join(room))["occupancy"] == 1


PAGES = [
    ("room:list", {"after": "zz", "limit": 1}),
    ("room:members", {"limit": 1}),
    ("room:members", {"limit": 1, "stored": True}),
    ("report:list", {"limit": 1}),
]


@pytest.mark.parametrize(("event", "payload"), PAGES, ids=str)
async def test_a_page_of_a_list_counts_as_several_events_however_short_it_is(
    gateway: Gateway, clients: Clients, event: str, payload: Json
) -> None:
    """For one page, the gateway may read up to a thousand names."""
    asker, room = await clients(gateway, unique("asker")), unique("team")
    await asker.ok("room:create", {"room": room, "kind": "private"})
    page = payload if event == "room:list" else {"room": room, **payload}
    answers = await asyncio.gather(*(asker.call(event, page) for _ in range(150)))
    assert 10 < sum(answer["ok"] for answer in answers) < 100


async def test_a_refused_inbox_list_reads_no_room_from_redis(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    asker = await clients(gateway, unique("asker"))
    with store(own_redis) as redis:
        redis.hset(keys.user_rooms(asker.user), mapping={f"public:{number}": "" for number in range(500)})
        redis.config_resetstat()
        answers = await asyncio.gather(*(asker.call("inbox:list", {"limit": 1}) for _ in range(100)))
        read = redis.info("commandstats")["cmdstat_hgetall"]["calls"]
    answered = sum(answer["ok"] for answer in answers)
    assert 0 < answered < 30
    assert read < answered + 20


async def test_joins_beyond_the_free_joins_of_a_user_count_as_several_events(
    own_redis: str, tmp_path: Path, clients: Clients
) -> None:
    """For a join, Redis lists up to 200 occupants and their read marks, which costs as much as fifteen messages."""
    room = unique("public:full")
    with store(own_redis) as redis:
        redis.hset(keys.room_nodes_of(room), mapping={f"user-{number}": 1 for number in range(100)})
    with gateways.gateway(tmp_path, own_redis, "2", ROOMS_PER_CONNECTION="5") as gateway:
        mallory = await clients(gateway, unique("mallory"))
        answers = await asyncio.gather(*(mallory.call("room:join", {"room": room, "limit": 1}) for _ in range(150)))
    assert 20 <= sum(answer["ok"] for answer in answers) < 150  # 20 joins are free, and 200 events may come at once
