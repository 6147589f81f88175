"""Gateways, signers and sweepers that are killed or drained while clients use them.

Every acked message reaches every client once and in order, files can be sent again, and presence becomes correct.
"""

from __future__ import annotations

import asyncio
import signal

import pytest
import redis

from deploy.cluster import Cluster
from roomcast.contract import keys
from tests.cluster.room_clients import LOBBY, Party, Person, Writer, judge
from tests.cluster.stock_clients import NodeWire
from tests.integration.media_rig import picture, store

AWAY_SECONDS = 15.0
AGED_SECONDS = 58


async def talking(party: Party, transports: list[str]) -> tuple[list[Person], list[Writer]]:
    """Connect Ada and Bob to different gateways. Return both, and two writers that write until the test stops them."""
    people = await party.apart(transports)
    for person in people:
        await person.join(LOBBY)
    return people, [Writer(person) for person in people]


async def back(person: Person, times: int) -> None:
    """Wait until the person is connected again, if there were `times` connections before."""
    await person.until(lambda: len(person.seen("ready")) > times and person.is_connected, "back", AWAY_SECONDS)


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], []], ids=["websocket", "polling", "default"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "drained"])
async def test_no_acked_message_is_lost_when_a_gateway_ends(
    cluster: Cluster, party: Party, number: signal.Signals, transports: list[str]
) -> None:
    people, writers = await talking(party, transports)
    ada = people[0]
    first = ada.node
    while ada.node == first:  # repeat if Ada has reconnected to the same gateway after its restart
        for writer in writers:
            await writer.acks(10)
        times = len(ada.seen("ready"))
        pid = cluster.kill(f"gateway{first}", number)
        await back(ada, times)
        await asyncio.to_thread(cluster.wait_replaced, f"gateway{first}", pid)
    for writer in writers:
        await writer.acks(10)
        await writer.stop()

    await judge(people, writers)
    assert len(ada.answers) > 1
    if number == signal.SIGTERM:
        assert ada.seen("drain")


async def test_no_acked_message_is_lost_while_gateways_are_scaled(cluster: Cluster, party: Party) -> None:
    people, writers = await talking(party, [])
    await asyncio.to_thread(cluster.scale, 3)
    guest = await party.placed("guest", "python", [], lambda node: node == "3")
    await guest.join(LOBBY)
    people, writers = [*people, guest], [*writers, Writer(guest)]
    for writer in writers:
        await writer.acks(10)

    await asyncio.to_thread(cluster.scale, 2)
    await back(guest, 1)
    assert guest.node != "3"
    for writer in writers:
        await writer.acks(10)
        await writer.stop()

    await judge(people, writers)


async def test_a_killed_signer_restarts_and_files_can_be_sent_again(cluster: Cluster, party: Party) -> None:
    ada, bob = await party.apart()
    for person in (ada, bob):
        await person.join(LOBBY)
    body = picture()
    announced = {"room": LOBBY, "name": "view.png", "type": "image/png", "size": len(body)}
    before = await ada.call("media:sign", **announced)
    pid = cluster.kill("signer1")
    during = asyncio.ensure_future(ada._patiently("media:sign", announced))
    assert (await ada.send("chat goes on"))["ok"]
    for form in (before, await during):
        assert await store(form, body) in (200, 201, 204)
        await ada._patiently("media:complete", {"upload": form["upload"]})
        said = await ada.send("look", upload=form["upload"])
        assert (await bob.expect("message", seq=said["seq"]))["media"]["size"] == len(body)
    await asyncio.to_thread(cluster.wait_replaced, "signer1", pid)


async def test_a_restarted_sweeper_sets_the_user_of_a_dead_gateway_offline(cluster: Cluster, party: Party) -> None:
    """A gateway and its client are killed together, so only the sweeper can announce that this user is offline."""
    ghost, bob = await party.apart()
    for person in (ghost, bob):
        await person.join(LOBBY)
    asked = await bob.call("presence:query", users=[ghost.user])
    assert asked["users"][ghost.user]["status"] == "online"

    sweeper = cluster.kill("sweeper1")
    gateway = cluster.kill(f"gateway{ghost.node}")
    assert isinstance(ghost.wire, NodeWire)
    ghost.wire.kill()
    with redis.Redis.from_url(cluster.redis_url()) as client:  # as if the last sign of life were almost a minute old
        client.zincrby(keys.presence_seen(keys.presence_shard(ghost.user)), -AGED_SECONDS, ghost.user)
    await asyncio.to_thread(cluster.wait_replaced, "sweeper1", sweeper)
    await asyncio.to_thread(cluster.wait_replaced, f"gateway{ghost.node}", gateway)

    await bob.until(
        lambda: bob.presence_of(ghost.user).get("status") == "offline", "the user of the dead gateway is offline", 30
    )
    members = [row["user"] for row in (await bob.call("room:members", room=LOBBY))["members"]]
    assert bob.user in members
    assert ghost.user not in members
    assert bob.presence_of(bob.user).get("status", "online") == "online"
