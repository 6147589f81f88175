"""Blocks, joins and connection ends of one user cost other users nothing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator

import pytest

from roomcast.contract import keys
from roomcast.contract.backend import connect
from roomcast.contract.ids import direct_room
from tests import gateways
from tests.gateways import Clients, Gateway, raw, store, unique
from tests.waiting import until

JOINED = 40
BLOCKS = 10
DAILY_BYTES = 10_000


@pytest.fixture(scope="module")
def one(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateways.gateway(folder, own_redis, DAILY_BYTES=str(DAILY_BYTES)) as running:
        yield running


async def test_a_block_does_not_read_all_rooms_of_the_user(one: Gateway, own_redis: str, clients: Clients) -> None:
    """With 50 connections in 100 rooms each, one small packet would cause thousands of Redis commands."""
    mallory = await clients(one, unique("mallory"))
    for number in range(JOINED):
        await mallory.join(f"public:many-{number}", limit=1)
    with store(own_redis) as redis:
        redis.config_resetstat()
        for number in range(BLOCKS):
            await mallory.ok("user:block", {"user": "ada", "on": number % 2 == 0})
        last = f"public:{unique('last')}"
        await mallory.join(last)  # reads that the block started are answered before this join, or under way
        reads = redis.info("commandstats").get("cmdstat_hgetall", {"calls": 0})["calls"]
    assert reads < JOINED


async def test_a_connection_that_ends_while_it_joins_again_is_no_longer_in_the_room(
    one: Gateway, clients: Clients
) -> None:
    """Otherwise the room would count its user until the gateway ends."""
    owner, room = await clients(one, unique("owner")), unique("team")
    await owner.ok("room:create", {"room": room, "kind": "private"})
    for _ in range(4):
        ghost = await clients(one, unique("ghost"))
        await owner.invite(room, ghost.user)
        await ghost.close()
        async with raw(one) as connection:
            await connection.sign_in(ghost.user)
            join = json.dumps(["room:join", {"room": room}])
            await connection.send(f"420{join}")
            await connection.ack(0)
            await connection.send_in_pieces(f"42{join}", "41")

    async def is_alone() -> bool:
        answer = await owner.join(room)
        return bool(answer["occupancy"] == 1)

    await until(is_alone, "the room has one user")


async def test_a_user_without_allowance_opens_no_direct_rooms(one: Gateway, own_redis: str, clients: Clients) -> None:
    """Each direct room would add an inbox in Redis, even for an unknown user, and an event for a connected one."""
    mallory, ada = await clients(one, unique("mallory")), await clients(one, unique("ada"))
    room = unique("public:log")
    await mallory.join(room)

    async def is_spent() -> bool:
        message = {"room": room, "id": unique("m"), "text": "x" * DAILY_BYTES}
        return not (await mallory.call("message:send", message))["ok"]

    await until(is_spent, "the daily allowance is spent")
    for other in (ada.user, "nobody-knows"):
        direct = "dm:" + ":".join(sorted([mallory.user, other]))
        assert await mallory.refused("message:send", {"room": direct, "id": "a", "text": "x"}) == "rate_limited"
    await ada.ok("presence:query", {"users": []})
    assert ada.seen("room") == []
    with store(own_redis) as redis:
        assert redis.exists(keys.user_rooms("nobody-knows")) == 0


async def test_a_block_hides_presence_in_the_list_of_members(one: Gateway, clients: Clients) -> None:
    ada, bob = await clients(one, unique("ada")), await clients(one, unique("bob"))
    room = unique("team")
    await ada.ok("room:create", {"room": room, "kind": "private"})
    await ada.invite(room, bob.user)

    async def shown() -> str:
        answer = await ada.ok("room:members", {"room": room, "stored": True})
        return next(str(row["status"]) for row in answer["members"] if row["user"] == bob.user)

    async def is_online() -> bool:
        return await shown() == "online"

    await until(is_online, "bob is online")
    await bob.ok("user:block", {"user": ada.user, "on": True})

    async def is_hidden() -> bool:
        return await shown() == "offline"

    await until(is_hidden, "the block is known")


async def test_becoming_invisible_costs_events_for_the_rooms_left(one: Gateway, clients: Clients) -> None:
    mallory = await clients(one, unique("mallory"))
    for number in range(JOINED):
        await mallory.join(f"public:many-{number}", limit=1)
    statuses = ["invisible", "online"] * 50
    answers = await asyncio.gather(*(mallory.call("presence", {"status": status}) for status in statuses))
    outcomes = Counter("ok" if answer["ok"] else answer["error"]["reason"] for answer in answers)
    assert set(outcomes) == {"ok", "rate_limited"}


async def test_a_membership_or_sanction_does_not_outlive_its_room(
    one: Gateway, own_redis: str, clients: Clients
) -> None:
    """Otherwise invitations and bans during the end of a room would apply to the next room with this id."""
    mallory, eve, bob = [await clients(one, unique(name)) for name in ("mallory", "eve", "bob")]
    for _ in range(3):
        room = unique("team")
        await mallory.ok("room:create", {"room": room, "kind": "private"})
        banned = {"room": room, "user": bob.user, "kind": "ban", "on": True}
        answers = await asyncio.gather(
            mallory.call("room:invite", {"room": room, "user": eve.user}),
            mallory.call("room:sanction", banned),
            mallory.call("room:slow", {"room": room, "seconds": 600}),
            mallory.call("room:close", {"room": room}),
        )
        assert answers[-1]["ok"]
        with store(own_redis) as redis:
            assert redis.exists(keys.room_members(room), keys.room_sanctions(room)) == 0
            redis.hset(keys.room_members(room), eve.user, "admin")  # as an older release without this check wrote it
        await bob.ok("room:create", {"room": room, "kind": "private"})
        assert await eve.refused("room:join", {"room": room}) == "forbidden"
        await bob.join(room)


async def test_members_of_an_expired_room_get_no_message_of_the_next_room_with_its_id(
    one: Gateway, own_redis: str, clients: Clients
) -> None:
    mallory, ada, room = await clients(one, unique("mallory")), await clients(one, unique("ada")), unique("team")
    await mallory.ok("room:create", {"room": room, "kind": "private"})
    await mallory.join(room)
    with store(own_redis) as redis:
        redis.delete(keys.room_meta(room), keys.room_members(room))  # as after a week without a message
    await ada.ok("room:create", {"room": room, "kind": "private"})
    await mallory.expect("room", lambda event: event["change"] == "removed")
    await ada.join(room)
    await ada.send(room, "for members of this room only")
    assert await mallory.refused("message:history", {"room": room}) == "forbidden"
    assert mallory.texts(room) == []


async def test_creating_a_room_keeps_the_clients_that_may_be_in_it(
    one: Gateway, own_redis: str, clients: Clients
) -> None:
    """Clients may be in a room before it is stored, by a token or because its id begins with `public:`."""
    room = f"public:{unique('lounge')}"
    ada = await clients(one, unique("ada"))
    await ada.join(room)
    async with connect(own_redis) as backend:
        await backend.create_room(room, owner="ops", kind="public")
    bob = await clients(one, unique("bob"))
    await bob.join(room)
    await bob.send(room, "hello")
    await ada.expect("message", lambda event: event["text"] == "hello")
    assert [event for event in ada.seen("room") if event["room"] == room] == []


async def test_an_operator_invites_into_stored_rooms_only(one: Gateway, own_redis: str, clients: Clients) -> None:
    ops, ada, room = await clients(one, unique("ops"), ops=True), await clients(one, unique("ada")), unique("team")

    async def is_refused_as_unknown_room() -> bool:
        answer = await ops.call("room:invite", {"room": room, "user": ada.user})
        return bool(answer["error"]["detail"] == "no such room is stored")

    await until(is_refused_as_unknown_room, "ada is known, the room is not")
    with store(own_redis) as redis:
        assert redis.exists(keys.room_members(room)) == 0


async def test_a_block_hides_both_users_in_their_direct_room(one: Gateway, clients: Clients) -> None:
    """Otherwise a blocked user could follow the other's presence there: users may always join their direct rooms."""
    ada, mallory = await clients(one, unique("ada")), await clients(one, unique("mallory"))
    room = direct_room(ada.user, mallory.user)
    await ada.join(room)
    answer = await mallory.join(room)
    assert {row["user"] for row in answer["members"]} == {ada.user, mallory.user}
    sent = await ada.send(room, "the last one")
    await ada.ok("user:block", {"user": mallory.user, "on": True})
    await mallory.expect("room", lambda event: event["change"] == "people" and ada.user in event["left"])
    mallory.events.clear()
    await ada.ok("presence", {"status": "busy", "note": "in town"})
    await ada.ok("receipt:read", {"room": room, "seq": sent["seq"]})

    answer = await mallory.join(room)
    assert [row["user"] for row in answer["members"]] == [mallory.user]
    assert (await mallory.ok("room:members", {"room": room}))["members"] == []
    late = await clients(one, mallory.user)
    assert [row["user"] for row in (await late.join(room))["members"]] == [mallory.user]
    await mallory.ok("presence", {"status": "away"})
    await asyncio.sleep(0.5)  # longer than the gateway collects changes
    told = [*mallory.seen("presence"), *mallory.seen("receipt"), *late.seen("presence")]
    assert not [event for event in told if ada.user in json.dumps(event)]
    assert not [event for event in ada.seen("presence") if mallory.user in json.dumps(event)]

    await ada.ok("user:block", {"user": mallory.user, "on": False})
    await mallory.expect("room", lambda event: ada.user in json.dumps(event.get("entered")))
    await ada.ok("presence", {"status": "online"})
    await mallory.expect("presence", lambda event: ada.user in json.dumps(event))
