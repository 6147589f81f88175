"""Blocks, joins, closed connections and created rooms of one user must not harm other users."""

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
"""Rooms that the attacker has joined."""
BLOCKS = 10
"""Times that the attacker blocks or unblocks a user."""
DAILY_BYTES = 10_000


@pytest.fixture(scope="module")
def gateway(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateways.gateway(folder, own_redis, DAILY_BYTES=str(DAILY_BYTES)) as running:
        yield running


async def test_a_block_does_not_read_all_rooms_of_the_user(gateway: Gateway, own_redis: str, clients: Clients) -> None:
    """Otherwise one small packet of a user with 50 connections in 100 rooms each would cause thousands of reads."""
    mallory = await clients(gateway, unique("mallory"))
    for number in range(JOINED):
        await mallory.join(f"public:many-{number}", limit=1)
    with store(own_redis) as redis:
        redis.config_resetstat()
        for number in range(BLOCKS):
            await mallory.ok("user:block", {"user": "ada", "on": number % 2 == 0})
        last = f"public:{unique('last')}"
        await mallory.join(last)  # the reads of a block would be sent before those of this join
        reads = redis.info("commandstats").get("cmdstat_hgetall", {"calls": 0})["calls"]
    assert reads < JOINED


async def test_a_connection_that_ends_during_a_second_join_is_not_counted_in_the_room(
    gateway: Gateway, clients: Clients
) -> None:
    """Otherwise the user would remain an occupant of the room until the gateway ends."""
    owner, room = await clients(gateway, unique("owner")), unique("team")
    await owner.ok("room:create", {"room": room, "kind": "private"})
    for _ in range(4):
        ghost = await clients(gateway, unique("ghost"))
        await owner.invite(room, ghost.user)
        await ghost.close()
        async with raw(gateway) as connection:
            await connection.sign_in(ghost.user)
            join = json.dumps(["room:join", {"room": room}])
            await connection.send(f"420{join}")
            await connection.ack(0)
            await connection.send_in_pieces(f"42{join}", "41")

    async def is_alone() -> bool:
        answer = await owner.join(room)
        return bool(answer["occupancy"] == 1)

    await until(is_alone, "the room has one user")


async def test_a_user_with_a_spent_allowance_cannot_open_direct_rooms(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    """Each new direct room adds a line to the other user's inbox in Redis, and sends an event if the user is online."""
    mallory, ada = await clients(gateway, unique("mallory")), await clients(gateway, unique("ada"))
    room = unique("public:log")
    await mallory.join(room)

    async def is_spent() -> bool:
        message = {"room": room, "id": unique("m"), "text": "x" * DAILY_BYTES}
        return not (await mallory.call("message:send", message))["ok"]

    await until(is_spent, "the daily allowance is spent")
    for other in (ada.user, "nobody-knows"):
        direct = "dm:" + ":".join(sorted([mallory.user, other]))
        assert await mallory.refused("message:send", {"room": direct, "id": "a", "text": "x"}) == "rate_limited"
    bob = await clients(gateway, unique("bob"))
    await bob.send(direct_room(bob.user, ada.user), "hello")
    await ada.expect("room", lambda event: event["by"] == bob.user)
    assert len(ada.seen("room")) == 1
    with store(own_redis) as redis:
        assert redis.exists(keys.user_rooms("nobody-knows")) == 0


async def test_a_block_hides_presence_in_the_list_of_members(gateway: Gateway, clients: Clients) -> None:
    ada, bob = await clients(gateway, unique("ada")), await clients(gateway, unique("bob"))
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

    await until(is_hidden, "bob is shown as offline")


async def test_becoming_invisible_in_many_rooms_counts_as_several_events(gateway: Gateway, clients: Clients) -> None:
    mallory = await clients(gateway, unique("mallory"))
    for number in range(JOINED):
        await mallory.join(f"public:many-{number}", limit=1)
    statuses = ["invisible", "online"] * 50
    answers = await asyncio.gather(*(mallory.call("presence", {"status": status}) for status in statuses))
    outcomes = Counter("ok" if answer["ok"] else answer["error"]["reason"] for answer in answers)
    assert set(outcomes) == {"ok", "rate_limited"}


async def test_a_membership_or_sanction_does_not_outlive_its_room(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    """Otherwise an invitation or ban during the close of its room would apply to the next room with this id."""
    mallory, eve, bob = [await clients(gateway, unique(name)) for name in ("mallory", "eve", "bob")]
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
            # An older release stored such members of rooms that did not exist.
            redis.hset(keys.room_members(room), eve.user, "admin")
        await bob.ok("room:create", {"room": room, "kind": "private"})
        assert await eve.refused("room:join", {"room": room}) == "forbidden"
        await bob.join(room)


async def test_members_of_an_expired_room_get_no_message_of_the_next_room_with_its_id(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    mallory, ada, room = (
        await clients(gateway, unique("mallory")),
        await clients(gateway, unique("ada")),
        unique("team"),
    )
    await mallory.ok("room:create", {"room": room, "kind": "private"})
    await mallory.join(room)
    with store(own_redis) as redis:
        # After a week without a message, these two keys of a room have expired.
        redis.delete(keys.room_meta(room), keys.room_members(room))
    await ada.ok("room:create", {"room": room, "kind": "private"})
    await mallory.expect("room", lambda event: event["change"] == "removed")
    await ada.join(room)
    await ada.send(room, "for members of this room only")
    await ada.expect_text("for members of this room only")
    assert await mallory.refused("message:history", {"room": room}) == "forbidden"
    assert mallory.texts(room) == []


async def test_storing_a_room_does_not_remove_its_entitled_clients(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    """Clients may join a room before it is stored: by a token, or because the room's id begins with `public:`."""
    room = f"public:{unique('lounge')}"
    ada = await clients(gateway, unique("ada"))
    await ada.join(room)
    async with connect(own_redis) as backend:
        await backend.create_room(room, owner="ops", kind="public")
    bob = await clients(gateway, unique("bob"))
    await bob.join(room)
    await bob.send(room, "hello")
    await ada.expect("message", lambda event: event["text"] == "hello")
    changes = {event["change"] for event in ada.seen("room") if event["room"] == room}
    assert changes <= {"people"}, "ada may get occupancy changes only"


async def test_an_operator_s_invitation_into_a_room_that_is_not_stored_is_refused(
    gateway: Gateway, own_redis: str, clients: Clients
) -> None:
    ops, ada, room = (
        await clients(gateway, unique("ops"), ops=True),
        await clients(gateway, unique("ada")),
        unique("team"),
    )

    async def is_refused_as_unknown_room() -> bool:
        answer = await ops.call("room:invite", {"room": room, "user": ada.user})
        return bool(answer["error"]["detail"] == "no such room is stored")

    await until(is_refused_as_unknown_room, "the invitation is refused because of the room")
    with store(own_redis) as redis:
        assert redis.exists(keys.room_members(room)) == 0


async def test_a_block_hides_both_users_in_their_direct_room(gateway: Gateway, clients: Clients) -> None:
    """Users may always join their direct rooms, so a blocked user could follow the other's presence there."""
    ada, mallory = await clients(gateway, unique("ada")), await clients(gateway, unique("mallory"))
    room = direct_room(ada.user, mallory.user)
    await ada.join(room)
    answer = await mallory.join(room)
    assert {row["user"] for row in answer["members"]} == {ada.user, mallory.user}
    sent = await ada.send(room, "the last one")
    await ada.ok("user:block", {"user": mallory.user, "on": True})
    await mallory.expect("room", lambda event: event["change"] == "people" and ada.user in event["left"])
    mallory.events.clear()
    carl, hall = await clients(gateway, unique("carl")), unique("public:hall")
    await carl.join(hall)
    await ada.ok("presence", {"status": "busy", "note": "in town"})
    await ada.ok("receipt:read", {"room": room, "seq": sent["seq"]})

    answer = await mallory.join(room)
    assert [row["user"] for row in answer["members"]] == [mallory.user]
    assert (await mallory.ok("room:members", {"room": room}))["members"] == []
    late = await clients(gateway, mallory.user)
    assert [row["user"] for row in (await late.join(room))["members"]] == [mallory.user]
    await mallory.ok("presence", {"status": "away"})
    for client in (ada, mallory, late):
        await client.join(hall)
    await carl.ok("presence", {"status": "busy"})
    for client in (ada, mallory, late):  # changes of other users that were made before have arrived by then, too
        await client.expect("presence", lambda event: carl.user in json.dumps(event))
    told = [*mallory.seen("presence"), *mallory.seen("receipt"), *late.seen("presence")]
    assert not [event for event in told if ada.user in json.dumps(event)]
    assert not [event for event in ada.seen("presence") if mallory.user in json.dumps(event)]

    await ada.ok("user:block", {"user": mallory.user, "on": False})
    await mallory.expect("room", lambda event: ada.user in json.dumps(event.get("entered")))
    await ada.ok("presence", {"status": "online"})
    await mallory.expect("presence", lambda event: ada.user in json.dumps(event))
