"""Limits on what a muted user sends, on a stranger's invitations, and on reports about a moderator's own messages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from roomcast.contract import keys
from roomcast.contract.ids import direct_room
from roomcast.contract.limits import MAX_ROOMS_PER_USER
from tests import gateways
from tests.gateways import Clients, Gateway, store, unique


@pytest.fixture(scope="module")
def gateway(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateways.gateway(tmp_path_factory.mktemp("gateway"), own_redis) as running:
        yield running


async def test_a_muted_user_sends_no_receipts(gateway: Gateway, clients: Clients) -> None:
    """Each receipt costs as much as a message: a delivery to every member of the room."""
    ada, mallory = await clients(gateway, unique("ada")), await clients(gateway, unique("mallory"))
    room = unique("team")
    await ada.ok("room:create", {"room": room, "kind": "private"})
    await ada.invite(room, mallory.user)
    for member in (ada, mallory):
        await member.join(room)
    for number in range(3):
        await ada.send(room, f"{number}")
    await mallory.ok("receipt:read", {"room": room, "seq": 1})
    await ada.expect("receipt", lambda receipt: receipt["seq"] == 1)
    await ada.ok("room:sanction", {"room": room, "user": mallory.user, "kind": "mute", "on": True})
    await mallory.ok("receipt:read", {"room": room, "seq": 2})
    await ada.ok("room:sanction", {"room": room, "user": mallory.user, "kind": "mute", "on": False})
    await mallory.ok("receipt:read", {"room": room, "seq": 3})
    await ada.expect("receipt", lambda receipt: receipt["seq"] == 3)
    assert ada.seen("receipt", lambda receipt: receipt["seq"] == 2) == []


async def test_invitations_cannot_fill_the_room_list_of_another_user(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    """A user who may create rooms can invite another user to 200 new rooms a day, and a list holds 500."""
    ada, mallory = await clients(gateway, unique("ada")), await clients(gateway, unique("mallory"))
    invited, own = [unique("team"), unique("team")], unique("public:own")
    direct = direct_room(ada.user, mallory.user)
    with store(own_redis) as redis:
        redis.hset(keys.user_rooms(ada.user), mapping={f"r{number}": "" for number in range(MAX_ROOMS_PER_USER - 51)})
        for room in invited:
            await mallory.ok("room:create", {"room": room, "kind": "private"})
            await mallory.invite(room, ada.user)
        await mallory.send(direct, "look here")
        await ada.join(own)
        listed = [bool(redis.hexists(keys.user_rooms(ada.user), room)) for room in (*invited, direct, own)]
    assert listed == [True, False, False, True]
    await ada.join(invited[1])  # the membership itself is not limited


async def test_a_moderator_cannot_resolve_reports_about_own_messages(gateway: Gateway, clients: Clients) -> None:
    """A resolved report is gone from the operators' queue, too."""
    owner, member = await clients(gateway, unique("owner")), await clients(gateway, unique("member"))
    ops, room = await clients(gateway, unique("ops"), ops=True), unique("team")
    await owner.ok("room:create", {"room": room, "kind": "private"})
    await owner.invite(room, member.user)
    reports = []
    for author in (owner, member):
        await author.join(room)
        sent = await author.send(room, "something bad")
        reports.append(
            (await member.ok("message:report", {"room": room, "target": sent["seq"], "reason": "bad"}))["id"]
        )
    about_owner, about_member = reports
    assert await owner.refused("report:resolve", {"id": about_owner}) == "forbidden"
    await owner.ok("report:resolve", {"id": about_member})
    assert [report["id"] for report in (await ops.ok("report:list", {}))["reports"]] == [about_owner]
    await ops.ok("report:resolve", {"id": about_owner})
