"""Small requests read little in Redis, or count for what they read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from roomcast.contract import keys
from tests import gateways
from tests.gateways import Clients, Gateway, store, unique


@pytest.fixture(scope="module")
def gateway(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateways.gateway(tmp_path_factory.mktemp("gateway"), own_redis) as running:
        yield running


async def test_a_new_token_does_not_read_the_kicks_of_other_users(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    """A moderator can kick 100,000 users a day."""
    room, member = unique("public:kicks"), await clients(gateway, unique("member"))
    await member.join(room)
    with store(own_redis) as redis:
        redis.hset(keys.room_kicked(room), mapping={f"user-{number}": 1 for number in range(20_000)})
        before = redis.info("stats")["total_net_output_bytes"]
        for _ in range(3):
            await member.ok("auth:refresh", {"token": gateways.token(member.user)})
        assert redis.info("stats")["total_net_output_bytes"] - before < 200_000
    assert (await member.join(room))["occupancy"] == 1
