"""Blocks and sanctions take effect on a gateway that was cut off from Redis while they were set."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import pytest_asyncio

from roomcast.contract.backend import connect
from roomcast.contract.ids import direct_room
from tests.gateways import Client, Clients, Gateway, Json, gateway, unique
from tests.proxy import CuttableProxy, cuttable_proxy
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")
TIMEOUT_SECONDS: Final = 0.4
"""Redis timeout of the gateways, in seconds. After a cut of five times this length, a gateway is isolated."""
ISOLATED: Final = "roomcast_gateway_isolated"


class Rig(NamedTuple):
    """Two gateways; the second one reaches Redis through `proxy`."""

    connected: Gateway
    cut_off: Gateway
    proxy: CuttableProxy

    async def is_isolated(self) -> bool:
        return await asyncio.to_thread(self.cut_off.metric, ISOLATED) == 1.0

    async def is_back(self) -> bool:
        return await asyncio.to_thread(lambda: self.cut_off.is_ready and self.cut_off.metric(ISOLATED) == 0.0)


def a_gateway(folder: Path, redis_url: str, node: str) -> AbstractContextManager[Gateway]:
    return gateway(folder, redis_url, node, REDIS_TIMEOUT_SECONDS=str(TIMEOUT_SECONDS), DRAIN_SECONDS="1")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rig(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """Start and stop the gateways in threads, because the proxy needs this event loop meanwhile."""
    folder: Path = tmp_path_factory.mktemp("gateways")
    port = int(own_redis.rpartition(":")[2].partition("/")[0])
    async with cuttable_proxy(port) as proxy:
        starting = (
            a_gateway(folder, own_redis, "1"),
            a_gateway(folder, f"redis://127.0.0.1:{proxy.port}/0", "2"),
        )
        connected = await asyncio.to_thread(starting[0].__enter__)
        cut_off = await asyncio.to_thread(starting[1].__enter__)
        yield Rig(connected, cut_off, proxy)
        for one in starting:
            await asyncio.to_thread(one.__exit__, None, None, None)


@pytest_asyncio.fixture(loop_scope="module")
async def clients() -> AsyncIterator[Clients]:
    made = Clients()
    yield made
    await made.close()


async def together(rig: Rig, clients: Clients) -> tuple[Client, Client, str]:
    """Connect Ada and Mallory to different gateways. Each watches the other and is in their direct room."""
    ada, mallory = await clients(rig.connected, unique("ada")), await clients(rig.cut_off, unique("mallory"))
    room = direct_room(ada.user, mallory.user)
    for one, other in ((ada, mallory), (mallory, ada)):
        await one.join(room)
        await until(partial(sees, one, other), "each sees the other")
        await one.ok("presence:watch", {"users": [other.user]})
    await ada.send(room, "before")
    return ada, mallory, room


async def sees(one: Client, other: Client) -> bool:
    found = await one.ok("presence:query", {"users": [other.user]})
    return bool(found["users"][other.user]["status"] == "online")


async def assert_apart(rig: Rig, clients: Clients, ada: Client, mallory: Client, room: str) -> None:
    """Check that neither user receives presence, read receipts or typing events of the other.

    Two more users, one on each gateway, act later in a room with each of the two. When their events have arrived, all
    earlier events have arrived.
    """
    for one, other in ((ada, mallory), (mallory, ada)):
        await one.expect("presence", partial(is_offline, other.user), 15.0)
        one.events.clear()
        assert [row["user"] for row in (await one.join(room))["members"]] == [one.user]
    for one in (ada, mallory):
        await one.io.emit("typing", {"room": room, "typing": True})
        await one.ok("presence", {"status": "busy", "note": "in town"})
        await one.ok("receipt:read", {"room": room, "seq": 1})
    for where in (rig.connected, rig.cut_off):
        later = await clients(where, unique("later"))
        for one in (ada, mallory):
            # Each has a separate hall, because users in one room see each other's presence in spite of a block.
            hall = unique("public:hall")
            await one.join(hall)
            await later.join(hall)
            await later.send(hall, later.user)
            await one.expect_text(later.user)
        await later.ok("presence", {"status": "busy"})
        for one in (ada, mallory):
            await one.expect("presence", partial(names, later.user))
    for one, other in ((ada, mallory), (mallory, ada)):
        told = [*one.seen("presence"), *one.seen("receipt"), *one.seen("typing")]
        assert not [event for event in told if other.user in json.dumps(event)]


def names(user: str, event: Json) -> bool:
    return user in json.dumps(event)


def is_offline(user: str, event: Json) -> bool:
    return any(row["user"] == user and row["status"] == "offline" for row in event["changes"])


async def test_a_block_hides_two_users_on_different_gateways_from_each_other(rig: Rig, clients: Clients) -> None:
    ada, mallory, room = await together(rig, clients)
    await ada.ok("user:block", {"user": mallory.user, "on": True})
    await assert_apart(rig, clients, ada, mallory, room)


@pytest.mark.parametrize("is_long", [False, True], ids=["short", "long"])
async def test_a_block_set_during_a_cut_takes_effect_after_the_cut(rig: Rig, clients: Clients, is_long: bool) -> None:
    ada, mallory, room = await together(rig, clients)
    rig.proxy.cut()
    if is_long:
        await until(rig.is_isolated, "the gateway is isolated", 15.0)
    await ada.ok("user:block", {"user": mallory.user, "on": True})
    rig.proxy.restore()
    await until(rig.is_back, "the gateway is back", 15.0)
    await assert_apart(rig, clients, ada, mallory, room)


async def test_sanctions_set_during_a_short_cut_take_effect_after_the_cut(
    rig: Rig, own_redis: str, clients: Clients
) -> None:
    room = unique("team:cut")
    muted, banned, kicked, revoked = [
        await clients(rig.cut_off, unique(name), rooms=["team:*"]) for name in ("muted", "banned", "kicked", "revoked")
    ]
    for client in (muted, banned, kicked, revoked):
        await client.join(room)
        await client.send(room, "before")
    rig.proxy.cut()
    async with connect(own_redis) as backend:
        await backend.mute(muted.user)
        await backend.ban(banned.user, room=room)
        await backend.kick(room, kicked.user)
        await backend.revoke_user(revoked.user)
    rig.proxy.restore()
    await revoked.expect_gone(15.0)
    for client in (banned, kicked):
        await client.expect("room", lambda event: event["change"] == "removed", 15.0)
    await until(rig.is_back, "the gateway is back", 15.0)
    assert await muted.refused("message:send", {"room": room, "id": "after", "text": "after"}) == "muted"
    assert await banned.refused("room:join", {"room": room}) == "forbidden"
