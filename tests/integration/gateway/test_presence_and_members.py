"""Presence, members, typing, read receipts and room lists across two gateways."""

from __future__ import annotations

from typing import Any

from redis import Redis

from roomcast.contract import keys
from roomcast.gateway.presence.service import REFRESH_SECONDS
from tests.gateways import Client, Clients, Gateway, unique
from tests.waiting import until

Pair = list[Gateway]


async def members(client: Client, room: str) -> list[str]:
    """Return all members of the room, read page by page."""
    names: list[str] = []
    query: dict[str, Any] = {"room": room}
    while True:
        page = await client.ok("room:members", query)
        names += [row["user"] for row in page["members"]]
        if not page["more"]:
            return names
        query["after"] = page["after"]


async def status(client: Client, user: str) -> dict[str, Any]:
    row: dict[str, Any] = (await client.ok("presence:query", {"users": [user]}))["users"][user]
    return row


def change_of(user: str, shown: str) -> Any:
    """Return a predicate: the `presence` event says that `user` is now `shown`."""
    return lambda event: any(row["user"] == user and row["status"] == shown for row in event["changes"])


# --- typing ---


async def test_typing_reaches_other_members_and_not_the_sender(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    carol, room = await clients(pair[0], unique("carol")), unique("public:talk")
    for who in (ada, bob, carol):
        await who.join(room)

    await ada.io.emit("typing", {"room": room, "typing": True})
    await ada.io.emit("typing", {"room": room, "typing": False})

    for who in (bob, carol):
        await who.expect("typing", lambda e: e["typing"] is False)
        assert who.seen("typing") == [{"room": room, "user": ada.user, "typing": on} for on in (True, False)]
    await bob.send(room, "after")
    await ada.expect_text("after")
    assert ada.seen("typing") == []


async def test_typing_of_a_client_that_has_not_joined_is_dropped(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)

    await ada.io.emit("typing", {"room": room, "typing": True})
    bad: Any
    for bad in ({"room": room}, {"room": room, "typing": "yes"}, {"typing": True}, [], None, "x"):
        await ada.io.emit("typing", bad)
    await ada.send(room, "after")
    await bob.expect_text("after")

    assert bob.seen("typing") == []


# --- read marks and room lists ---


async def test_a_read_receipt_reaches_the_other_gateway_and_a_read_mark_never_decreases(
    pair: Pair, clients: Clients
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await ada.join(room)
    await bob.join(room)
    for n in range(3):
        await ada.send(room, str(n))

    for seq in (2, 1, 2, 99):
        await bob.ok("receipt:read", {"room": room, "seq": seq})

    await ada.expect("receipt", lambda e: e["seq"] == 3)
    assert ada.seen("receipt") == [{"room": room, "user": bob.user, "seq": seq} for seq in (2, 3)]
    assert (await ada.join(room))["read"] == {bob.user: 3}
    await bob.ok("receipt:read", {"room": room, "seq": 0})
    for bad in ({"seq": -1}, {"seq": 2**64}, {"seq": "1"}, {}):
        assert await bob.refused("receipt:read", {"room": room, **bad}) == "bad_request"


async def test_the_room_list_counts_unread_messages(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room, other = unique("public:talk"), unique("team")
    await ada.join(room)
    await bob.ok("room:create", {"room": other, "kind": "private", "name": "The team"})
    await bob.invite(other, ada.user)
    for n in range(4):
        await bob.send(room, str(n))
    await bob.send(other, "welcome")
    await ada.ok("receipt:read", {"room": room, "seq": 1})

    async def rows() -> dict[str, dict[str, Any]]:
        return {row["room"]: row for row in (await ada.ok("room:list"))["rooms"]}

    listed = await until(rows, "the room list")
    assert set(listed) == {room, other}
    assert (listed[room]["unread"], listed[room]["seq"], listed[room]["last"]["text"]) == (3, 4, "3")
    assert (listed[other]["unread"], listed[other]["name"]) == (1, "The team")
    await ada.ok("receipt:read", {"room": room, "seq": 4})
    assert (await rows())[room]["unread"] == 0


async def test_a_long_room_list_comes_in_pages(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    prefix = unique("team")
    for n in range(120):
        await ada.ok("room:create", {"room": f"{prefix}-{n:03}", "kind": "private"})

    first = await ada.ok("room:list", {})
    second = await ada.ok("room:list", {"after": first["after"]})

    assert (len(first["rooms"]), first["more"], len(second["rooms"]), second["more"]) == (100, True, 20, False)
    names = [row["room"] for row in (*first["rooms"], *second["rooms"])]
    assert names == [f"{prefix}-{n:03}" for n in range(120)]


# --- occupants of a room ---


async def test_a_join_lists_the_members_and_is_announced_to_them(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada"), name="Ada"), await clients(pair[1], unique("bob"), name="Bob")
    room = unique("public:talk")
    alone = await ada.join(room)
    assert (alone["occupancy"], [row["user"] for row in alone["members"]]) == (1, [ada.user])

    joined = await bob.join(room)

    assert joined["occupancy"] == 2
    assert joined["members"][0] == {"user": bob.user, "name": "Bob", "status": "online"}
    assert [row["user"] for row in joined["members"]] == [bob.user, ada.user]
    assert await members(bob, room) == sorted([ada.user, bob.user])
    came = await ada.expect("room", lambda e: bob.user in [row["user"] for row in e.get("entered", [])])
    assert (came["change"], came["occupancy"], came["entered"][-1]["name"]) == ("people", 2, "Bob")
    await bob.ok("room:leave", {"room": room})
    assert (await ada.expect("room", lambda e: bool(e.get("left"))))["left"] == [bob.user]
    assert await members(ada, room) == [ada.user]


async def test_users_of_a_gateway_that_looks_dead_leave_and_enter_again(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada, bob = await clients(pair[0], unique("ada"), name="Ada"), await clients(pair[1], unique("bob"), name="Bob")
    room = unique("public:talk")
    for who in (ada, bob):
        await who.join(room)
    await ada.ok("presence", {"status": "busy"})

    with Redis.from_url(gateway_redis) as redis:  # as if ada's gateway had been silent for a long time
        redis.zadd(keys.room_occupants(room), {f"{ada.user}|{pair[0].node}": 1})
    carol = await clients(pair[1], unique("carol"))
    await carol.join(room)

    left = await bob.expect("room", lambda e: ada.user in e.get("left", []))
    assert left["occupancy"] == 2
    back = await bob.expect(
        "room", lambda e: ada.user in [row["user"] for row in e.get("entered", [])], within=REFRESH_SECONDS + 5
    )
    assert (back["occupancy"], back["entered"]) == (3, [{"user": ada.user, "name": "Ada", "status": "busy"}])
    assert await members(carol, room) == sorted([ada.user, bob.user, carol.user])


async def test_a_user_with_many_devices_is_one_occupant(pair: Pair, clients: Clients) -> None:
    ada, eve = unique("ada"), await clients(pair[1], unique("eve"))
    room = unique("public:talk")
    await eve.join(room)
    devices = [await clients(pair[n % 2], ada) for n in range(4)]
    for device in devices:
        assert (await device.join(room))["occupancy"] == 2
    for device in devices[:3]:
        await device.close()

    await eve.send(room, "still there?")
    await devices[3].expect_text("still there?")
    assert await members(eve, room) == sorted([ada, eve.user])
    await devices[3].close()

    async def is_gone() -> bool:
        return await members(eve, room) == [eve.user]

    await until(is_gone, "the last device is gone")


async def test_members_come_in_pages(pair: Pair, clients: Clients) -> None:
    room = unique("public:talk")
    names = [f"user-{n}-{room[12:]}" for n in range(7)]
    people = [await clients(pair[n % 2], name) for n, name in enumerate(names)]
    for one in people:
        await one.join(room)

    pages = [await people[0].ok("room:members", {"room": room, "limit": 3})]
    while pages[-1]["more"]:
        pages.append(await people[0].ok("room:members", {"room": room, "limit": 3, "after": pages[-1]["after"]}))

    assert [len(page["members"]) for page in pages] == [3, 3, 1]
    assert [row["user"] for page in pages for row in page["members"]] == names
    assert (await people[0].ok("room:members", {"room": room, "after": "zzz"}))["members"] == []
    for bad in ({"after": 5}, {"after": "~x"}, {"limit": 0}, {"limit": 101}):
        assert await people[0].refused("room:members", {"room": room, **bad}) == "bad_request"


# --- presence ---


async def test_status_and_note_reach_the_other_gateway(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    await ada.join(room)
    assert (await bob.ok("presence"))["online_seconds"] == 60

    await ada.ok("presence", {"status": "away", "note": "at lunch"})

    await bob.expect("presence", change_of(ada.user, "away"))
    row = await status(bob, ada.user)
    assert (row["status"], row["note"]) == ("away", "at lunch")
    await ada.ok("presence", {"status": "busy", "note": ""})
    await bob.expect("presence", change_of(ada.user, "busy"))
    assert "note" not in await status(bob, ada.user)
    for bad in ({"status": "offline"}, {"status": 1}, {"note": 5}):
        assert await ada.refused("presence", bad) == "bad_request"
    assert await ada.refused("presence", {"note": "x" * 141}) == "too_large"


async def test_a_user_who_disconnects_is_offline_at_once_with_a_last_seen(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    await ada.join(room)
    clock = (await bob.expect("ready"))["server_time"]

    await ada.close()

    await bob.expect("presence", change_of(ada.user, "offline"))
    row = await status(bob, ada.user)
    assert row["status"] == "offline"
    assert clock - 2_000 <= row["last_seen"] <= clock + 30_000
    assert await members(bob, room) == [bob.user]


async def test_a_departed_user_is_shown_offline_although_another_user_joins(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await ada.join(room)
    await bob.join(room)
    await bob.close()
    await ada.expect("room", lambda event: event["change"] == "people" and bob.user in event.get("left", ()))

    cem = await clients(pair[0], unique("cem"))
    await cem.join(room)

    await ada.expect("presence", change_of(bob.user, "offline"))


async def test_a_watcher_gets_presence_without_a_common_room(pair: Pair, clients: Clients) -> None:
    ada, bob = unique("ada"), await clients(pair[1], unique("bob"))
    snapshot = await bob.ok("presence:watch", {"users": [ada, unique("nobody")]})
    assert [row["status"] for row in snapshot["users"].values()] == ["offline", "offline"]

    client = await clients(pair[0], ada)
    await bob.expect("presence", change_of(ada, "online"))
    await bob.ok("presence:unwatch", {"users": [ada]})
    await client.ok("presence", {"status": "away"})

    await until(lambda: _is(bob, ada, "away"), "away")
    await bob.ok("presence:watch", {"users": [ada]})
    await client.ok("presence", {"status": "busy"})
    await bob.expect("presence", change_of(ada, "busy"))
    assert bob.seen("presence", change_of(ada, "away")) == []
    assert await bob.refused("presence:watch", {"users": ["x"] * 101}) == "too_large"
    for part in range(2):
        await bob.call("presence:watch", {"users": [f"u{part}-{n}" for n in range(99)]})
    assert await bob.refused("presence:watch", {"users": [f"more-{n}" for n in range(50)]}) == "too_large"


async def _is(client: Client, user: str, shown: str) -> bool:
    return bool((await status(client, user))["status"] == shown)


async def test_an_invisible_user_looks_like_an_offline_user(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    await ada.join(room)
    await ada.ok("presence", {"status": "away", "note": "a note"})
    await bob.expect("presence", change_of(ada.user, "away"))
    first = await bob.send(room, "one")

    await ada.ok("presence", {"status": "invisible"})
    await bob.expect("presence", change_of(ada.user, "offline"))
    await until(lambda: _is_alone(bob, room), "the user is not among the members")
    hidden = await status(bob, ada.user)
    await ada.io.emit("typing", {"room": room, "typing": True})
    await ada.ok("receipt:read", {"room": room, "seq": first["seq"]})
    await ada.ok("presence", {})
    await ada.ok("room:list")

    rejoined = await bob.join(room)
    assert (rejoined["occupancy"], [row["user"] for row in rejoined["members"]]) == (1, [bob.user])
    assert ada.user not in rejoined["read"]
    assert (hidden["status"], set(hidden)) == ("offline", {"status", "last_seen"})
    assert await status(bob, ada.user) == hidden
    await bob.send(room, "two")
    await bob.expect_text("two")
    assert (await ada.expect_text("two"))["user"] == bob.user
    assert (bob.seen("typing"), bob.seen("receipt")) == ([], [])

    await ada.ok("presence", {"status": "busy"})
    await bob.expect("presence", change_of(ada.user, "busy"))
    await until(lambda: _is(bob, ada.user, "busy"), "the user is busy again")
    both = sorted([ada.user, bob.user])

    async def is_back() -> bool:
        return await members(bob, room) == both

    await until(is_back, "the user is among the members again")
    last = [row["status"] for e in bob.seen("presence") for row in e["changes"] if row["user"] == ada.user][-1]
    assert last == "busy"


async def _is_alone(client: Client, room: str) -> bool:
    return await members(client, room) == [client.user] and (await client.join(room))["occupancy"] == 1


async def test_one_invisible_device_hides_all_devices_of_the_user_on_every_gateway(
    pair: Pair, clients: Clients
) -> None:
    user, bob = unique("ada"), await clients(pair[0], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    phone = await clients(pair[0], user)
    await phone.ok("presence", {"status": "invisible"})
    await phone.join(room)
    await until(lambda: _is(bob, user, "offline"), "hidden")
    await until(lambda: _is_alone(bob, room), "the user is not among the members")
    first = await bob.send(room, "one")

    laptop = await clients(pair[1], user)
    await laptop.join(room)
    await laptop.io.emit("typing", {"room": room, "typing": True})
    await laptop.ok("receipt:read", {"room": room, "seq": first["seq"]})
    await laptop.send(room, "two")
    await bob.expect_text("two")

    assert (bob.seen("typing"), bob.seen("receipt")) == ([], [])
    assert await _is_alone(bob, room)
    assert [e for e in bob.seen("room") if any(row["user"] == user for row in e.get("entered", []))] == []
    assert await _is(bob, user, "offline")


async def test_a_user_who_becomes_invisible_with_the_first_event_is_not_shown_in_rooms(
    pair: Pair, clients: Clients
) -> None:
    """A client that has stored the user's choice sends `presence` before any other event."""
    bob, user = await clients(pair[1], unique("bob")), unique("ada")
    room = unique("public:talk")
    await bob.join(room)
    ada = await clients(pair[0], user)
    await ada.io.emit("presence", {"status": "invisible"})
    await ada.join(room)
    await bob.send(room, "one")
    await ada.expect_text("one")

    await until(lambda: _is_alone(bob, room), "the user is not among the members")
    carol = await clients(pair[0], unique("carol"))
    await carol.join(room)
    await bob.expect("room", lambda e: carol.user in [row["user"] for row in e.get("entered", [])])
    assert [e for e in bob.seen("room") if any(row["user"] == user for row in e.get("entered", []))] == []
