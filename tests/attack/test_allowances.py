"""What one user may add to Redis in a day."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from roomcast.contract.backend import connect
from tests import gateways, servers
from tests.gateways import Client, Clients, Gateway, store, unique

ROOMS_PER_DAY = 3


@pytest.fixture(scope="module")
def redis_of_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis for these gateways alone."""
    with servers.redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def pair(redis_of_pair: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Gateway]]:
    """Two gateways that let a user create three rooms a day."""
    folder = tmp_path_factory.mktemp("gateways")
    with gateways.gateways(folder, redis_of_pair, 2, ROOMS_PER_DAY=str(ROOMS_PER_DAY)) as running:
        yield running


async def create(client: Client) -> str:
    """Create a room; return why not, or an empty text."""
    answer = await client.call("room:create", {"room": unique("team"), "kind": "private"})
    return "" if answer["ok"] else str(answer["error"]["reason"])


async def test_a_user_creates_so_many_rooms_a_day_on_all_gateways(pair: list[Gateway], clients: Clients) -> None:
    user = unique("mallory")
    devices = [await clients(one, user) for one in pair]
    assert [await create(devices[n % 2]) for n in range(ROOMS_PER_DAY)] == [""] * ROOMS_PER_DAY
    answer = await devices[0].call("room:create", {"room": unique("team"), "kind": "private"})
    assert answer["error"]["reason"] == "rate_limited"
    assert 0 < answer["error"]["retry_after"] <= 86_400
    assert await create(devices[1]) == "rate_limited"
    assert await create(await clients(pair[0], unique("ada"))) == ""
    assert await create(await clients(pair[0], user, ops=True)) == ""


async def test_a_back_end_gives_one_user_another_allowance(
    pair: list[Gateway], clients: Clients, redis_of_pair: str
) -> None:
    user = unique("builder")
    client = await clients(pair[0], user)
    assert await create(client) == ""
    async with connect(redis_of_pair) as backend:
        await backend.allow_rooms(user, 5)
        assert [await create(client) for _ in range(5)] == [""] * 4 + ["rate_limited"]
        with store(redis_of_pair) as redis:
            assert redis.ttl(f"user:{{{user}}}:created") == -1
            redis.hset(f"user:{{{user}}}:created", "ends", 1)
        assert await create(client) == "", "a new day has begun"
        await backend.allow_rooms(user, 0)
        assert await create(client) == "rate_limited"
        await backend.allow_rooms(user, None)
        assert await create(client) == ""
