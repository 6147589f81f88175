"""Private rooms: members may use them. Strangers may not, and cannot find out that the room exists."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from roomcast.contract import keys
from roomcast.contract.backend import connect
from tests.gateways import Client, Clients, Gateway, gateway, raw, store, token, unique
from tests.waiting import until

Pair = list[Gateway]


async def make_room(owner: Client, *members: Client, kind: str = "private") -> str:
    room = unique("team")
    await owner.ok("room:create", {"room": room, "kind": kind, "name": "The team"})
    for member in members:
        await owner.invite(room, member.user)
    return room


def events_of_a_stranger(room: str, upload: str = "A" * 22) -> list[tuple[str, dict[str, Any]]]:
    """Return an event of each kind that names a room."""
    return [
        ("room:join", {"room": room}),
        ("room:join", {"room": room, "since": {"seq": 0, "epoch": "0123456789abcdef"}}),
        ("room:leave", {"room": room}),
        ("room:members", {"room": room}),
        ("room:invite", {"room": room, "user": "eve"}),
        ("room:remove", {"room": room, "user": "owner"}),
        ("message:send", {"room": room, "id": "an-id", "text": "hello"}),
        ("message:send", {"room": room, "id": "an-id", "upload": upload}),
        ("message:edit", {"room": room, "id": "an-id", "target": 1, "text": "x"}),
        ("message:delete", {"room": room, "id": "an-id", "target": 1}),
        ("message:react", {"room": room, "id": "an-id", "target": 1, "emoji": "x", "on": True}),
        ("message:history", {"room": room}),
        ("message:history", {"room": room, "before": 2}),
        ("receipt:read", {"room": room, "seq": 1}),
        ("media:sign", {"room": room, "name": "a.png", "type": "image/png", "size": 10}),
    ]


async def test_members_exchange_messages_and_a_stranger_may_use_no_event(pair: Pair, clients: Clients) -> None:
    owner, bob = await clients(pair[0], unique("owner")), await clients(pair[1], unique("bob"))
    eve = await clients(pair[1], unique("eve"))
    room = await make_room(owner, bob)
    invited = await bob.expect("room", lambda e: e["change"] == "invited")
    assert (invited["room"], invited["name"], invited["by"]) == (room, "The team", owner.user)
    await owner.join(room)
    await bob.join(room)
    await owner.send(room, "members only")
    await bob.expect_text("members only")

    for event, payload in events_of_a_stranger(room):
        answer = await eve.call(event, payload)
        assert event == "room:leave" or answer["error"]["reason"] == "forbidden", (event, answer)
        assert "members only" not in str(answer)
    await eve.io.emit("typing", {"room": room, "typing": True})
    await eve.ok("room:list")

    await owner.send(room, "after")
    await bob.expect_text("after")
    assert bob.texts(room) == ["members only", "after"]
    assert bob.seen("typing") == []
    assert [name for name, _ in eve.events] == ["ready"]


async def test_a_stranger_gets_the_same_answers_for_a_private_room_and_for_a_missing_room(
    pair: Pair, clients: Clients
) -> None:
    owner = await clients(pair[0], unique("owner"))
    room = await make_room(owner)
    await owner.send(room, "hello")
    nothing = "team-" + "0" * (len(room) - 5)

    async def answers(of: str) -> list[str]:
        said = []
        async with raw(pair[1]) as socket:
            await socket.sign_in("eve")
            for number, (event, payload) in enumerate(events_of_a_stranger(of)):
                await socket.send(f"42{number}" + json.dumps([event, payload]))
                said.append(await socket.until(lambda frame: frame.startswith("43")))
        return said

    assert await answers(room) == await answers(nothing)


async def test_a_stranger_gets_the_same_answer_for_a_private_upload_and_for_a_missing_upload(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    owner, eve = await clients(pair[0], unique("owner")), await clients(pair[1], unique("eve"))
    room = await make_room(owner)
    upload = uuid4().hex
    with store(gateway_redis) as redis:
        redis.hset(
            keys.upload(upload), mapping={"owner": owner.user, "room": room, "media": '{"upload":"' + upload + '"}'}
        )

    known = await eve.call("media:url", {"upload": upload})
    unknown = await eve.call("media:url", {"upload": uuid4().hex})

    assert known == unknown
    assert known["error"]["reason"] == "not_found"
    assert await owner.refused("media:url", {"upload": upload}) == "media_unavailable"
    assert await eve.refused("message:send", {"room": "public:lobby", "id": "i", "upload": upload}) == "not_found"


async def test_a_message_has_the_media_that_the_signer_verified(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada = await clients(pair[0], unique("ada"))
    room, upload, unverified = unique("public:talk"), uuid4().hex, uuid4().hex
    await ada.join(room)
    media = '{"upload":"u","url":"https://files.example/u","type":"image/png","size":10,"name":"a.png"}'
    with store(gateway_redis) as redis:
        redis.hset(keys.upload(upload), mapping={"owner": ada.user, "room": room, "media": media})
        redis.expire(keys.upload(upload), 40 * 86_400)
        redis.hset(keys.upload(unverified), mapping={"owner": ada.user, "room": room})

    await ada.ok("message:send", {"room": room, "id": "m", "upload": upload, "text": "look"})

    message = await ada.expect_text("look")
    assert (message["kind"], message["media"]["url"]) == ("media", "https://files.example/u")
    assert await ada.refused("message:send", {"room": room, "id": "n", "upload": unverified}) == "upload_incomplete"
    elsewhere = {"room": unique("public:talk"), "id": "o", "upload": upload}
    assert await ada.refused("message:send", elsewhere) == "not_found"


async def test_an_invitation_takes_effect_on_the_other_gateway_at_once(pair: Pair, clients: Clients) -> None:
    owner, bob = await clients(pair[0], unique("owner")), await clients(pair[1], unique("bob"))
    room = await make_room(owner)
    assert await bob.refused("room:join", {"room": room}) == "forbidden"

    await owner.invite(room, bob.user)

    assert (await bob.join(room))["room"] == room


async def test_a_removal_takes_effect_on_both_gateways(pair: Pair, clients: Clients) -> None:
    owner, bob = await clients(pair[0], unique("owner")), await clients(pair[1], unique("bob"))
    second_device = await clients(pair[0], bob.user)
    room = await make_room(owner, bob)
    for who in (owner, bob, second_device):
        await who.join(room)

    await owner.ok("room:remove", {"room": room, "user": bob.user})

    for device in (bob, second_device):
        assert (await device.expect("room", lambda e: e["change"] == "removed"))["room"] == room
    await owner.send(room, "without bob")
    await owner.expect_text("without bob")
    for device in (bob, second_device):
        for event, payload in events_of_a_stranger(room):
            answer = await device.call(event, payload)
            assert event == "room:leave" or answer["error"]["reason"] == "forbidden", (event, answer)
        assert device.texts(room) == []
        assert room not in str(await device.ok("room:list"))
    left = [row["user"] for row in (await owner.ok("room:members", {"room": room}))["members"]]
    assert left == [owner.user]


async def test_a_user_who_is_removed_during_a_join_gets_no_messages(pair: Pair, clients: Clients) -> None:
    owner, bob = await clients(pair[0], unique("owner")), await clients(pair[1], unique("bob"))
    hall = unique("public:hall")
    await bob.join(hall)

    for number in range(10):
        room = await make_room(owner, bob)
        await asyncio.gather(
            bob.call("room:join", {"room": room}), owner.ok("room:remove", {"room": room, "user": bob.user})
        )
        await bob.expect("room", lambda e, room=room: e["room"] == room and e["change"] == "removed")  # type: ignore[misc]
        await owner.send(room, "without bob")
        assert await bob.refused("message:history", {"room": room}) == "forbidden"
        await owner.send(hall, f"with bob {number}")
        await bob.expect_text(f"with bob {number}")
        assert bob.texts(room) == []


async def test_only_owners_and_admins_may_invite_and_remove_other_users(pair: Pair, clients: Clients) -> None:
    owner, admin = await clients(pair[0], unique("owner")), await clients(pair[1], unique("admin"))
    bob, eve = await clients(pair[0], unique("bob")), await clients(pair[1], unique("eve"))
    room = await make_room(owner, bob)
    await owner.invite(room, admin.user, "admin")

    for other in (bob, eve):
        assert await other.refused("room:invite", {"room": room, "user": eve.user}) == "forbidden"
        assert await other.refused("room:remove", {"room": room, "user": admin.user}) == "forbidden"
    await admin.invite(room, eve.user)
    await admin.ok("room:remove", {"room": room, "user": eve.user})
    assert await admin.refused("room:remove", {"room": room, "user": owner.user}) == "forbidden"
    assert await owner.refused("room:remove", {"room": room, "user": owner.user}) == "forbidden"
    assert await admin.refused("room:remove", {"room": room, "user": eve.user}) == "not_found"
    await bob.ok("room:remove", {"room": room, "user": bob.user})
    assert await bob.refused("room:join", {"room": room}) == "forbidden"
    assert await owner.refused("room:invite", {"room": room, "user": bob.user, "role": "owner"}) == "bad_request"
    await owner.invite(room, owner.user, "member")
    await owner.invite(room, bob.user)
    assert await owner.refused("room:create", {"room": room, "kind": "private"}) == "conflict"


async def test_an_admin_can_be_made_a_member_again(pair: Pair, clients: Clients) -> None:
    owner, bob = await clients(pair[0], unique("owner")), await clients(pair[1], unique("bob"))
    room = await make_room(owner)
    await owner.invite(room, bob.user, "admin")
    await owner.invite(room, bob.user, "member")

    assert await bob.refused("room:invite", {"room": room, "user": "carol"}) == "forbidden"


async def test_a_room_created_as_public_is_open_to_all_users(pair: Pair, clients: Clients) -> None:
    owner, eve = await clients(pair[0], unique("owner")), await clients(pair[1], unique("eve"))
    room = await make_room(owner, kind="public")

    await eve.join(room)
    await eve.send(room, "hello")
    assert await eve.refused("room:invite", {"room": room, "user": "x"}) == "forbidden"


@pytest.mark.parametrize("room", ["public:x", "dm:a:b", "dm:", "public:"])
async def test_a_private_room_cannot_be_created_under_a_reserved_id(pair: Pair, clients: Clients, room: str) -> None:
    ada = await clients(pair[0], unique("ada"))

    assert await ada.refused("room:create", {"room": room, "kind": "private"}) == "forbidden"


async def test_a_token_opens_only_the_rooms_that_its_patterns_match(pair: Pair, clients: Clients) -> None:
    team = unique("team")
    ada = await clients(pair[0], unique("ada"), rooms=[f"{team}-*"])
    eve = await clients(pair[1], unique("eve"), rooms=["other-*"])
    await ada.join(f"{team}-1")
    await ada.send(f"{team}-1", "hello")

    assert await ada.refused("room:join", {"room": team}) == "forbidden"
    assert await eve.refused("room:join", {"room": f"{team}-1"}) == "forbidden"
    everything = await clients(pair[0], unique("all"), rooms=["*"])
    assert await everything.refused("room:join", {"room": "dm:ada:bob"}) == "forbidden"


async def test_a_room_in_use_cannot_be_created_or_moderated_by_a_user(pair: Pair, clients: Clients) -> None:
    room, lobby = unique("team"), unique("public:talk")
    ada, eve = await clients(pair[0], unique("ada"), rooms=[room]), await clients(pair[1], unique("eve"))
    for used in (room, lobby):
        await ada.join(used)
        await ada.send(used, "between us")

    for kind in ("private", "public"):
        assert await eve.refused("room:create", {"room": room, "kind": kind}) == "conflict"
    assert await eve.refused("room:create", {"room": lobby, "kind": "public"}) == "forbidden"
    assert await eve.refused("message:history", {"room": room}) == "forbidden"
    assert await eve.refused("message:delete", {"room": lobby, "id": "x", "target": 1}) == "forbidden"
    for used in (room, lobby):
        assert await ada.refused("room:create", {"room": used, "kind": "public"}) == "forbidden"
        assert await ada.refused("room:invite", {"room": used, "user": eve.user}) == "forbidden"


async def test_a_room_that_was_joined_without_messages_counts_as_in_use(pair: Pair, clients: Clients) -> None:
    room = unique("team")
    ada, eve = await clients(pair[0], unique("ada"), rooms=[room]), await clients(pair[1], unique("eve"))
    await ada.join(room)

    assert await eve.refused("room:create", {"room": room, "kind": "private"}) == "conflict"


async def test_creating_a_room_requires_a_claim(pair: Pair, clients: Clients) -> None:
    team, other = unique("team"), unique("other")
    stranger = await clients(pair[0], unique("eve"), create=[])
    ada = await clients(pair[0], unique("ada"), create=[f"{team}-*", "public:*", "dm:*"])

    for room, kind in ((team, "private"), (f"{team}-1", "public"), (unique("public:talk"), "public")):
        assert await stranger.refused("room:create", {"room": room, "kind": kind}) == "forbidden"
    assert await ada.refused("room:create", {"room": other, "kind": "private"}) == "forbidden"
    assert await ada.refused("room:create", {"room": unique("public:talk"), "kind": "public"}) == "forbidden"
    assert await ada.refused("room:create", {"room": f"dm:{ada.user}:{ada.user}", "kind": "private"}) == "forbidden"
    assert (await ada.ok("room:create", {"room": f"{team}-1", "kind": "private"}))["role"] == "owner"


async def test_a_user_cannot_create_a_room_that_the_user_s_token_opens(pair: Pair, clients: Clients) -> None:
    team = unique("team")
    ada = await clients(pair[0], unique("ada"), rooms=[f"{team}-*"], create=["*"])

    assert await ada.refused("room:create", {"room": f"{team}-1", "kind": "private"}) == "forbidden"


async def test_operators_and_back_ends_may_create_a_room_that_is_in_use(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada = await clients(pair[0], unique("ada"))
    ops = await clients(pair[1], unique("ops"), ops=True, create=[])
    first, second = unique("public:talk"), unique("public:talk")
    for room in (first, second):
        await ada.send(room, "mine")

    await ops.ok("room:create", {"room": first, "kind": "public", "name": "Lobby"})
    async with connect(gateway_redis) as backend:
        await backend.create_room(second, ops.user, kind="public")
    await ops.ok("message:delete", {"room": second, "id": "x", "target": 1})
    assert await ada.refused("room:create", {"room": first, "kind": "public"}) == "forbidden"


async def test_a_configured_pattern_lets_all_users_create_rooms(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    with gateway(tmp_path, redis_url, CREATE_ROOMS="team:*, club:*") as running:
        ada = await clients(running, "ada", create=[])
        await ada.ok("room:create", {"room": "team:red", "kind": "private"})
        assert await ada.refused("room:create", {"room": "other:red", "kind": "private"}) == "forbidden"
        assert await ada.refused("room:create", {"room": "public:red", "kind": "public"}) == "forbidden"


async def test_after_a_refresh_the_session_leaves_rooms_that_the_new_token_does_not_open(
    pair: Pair, clients: Clients
) -> None:
    room, other = unique("team"), unique("public:talk")
    ada = await clients(pair[0], unique("ada"), rooms=[room])
    bob = await clients(pair[1], unique("bob"), rooms=[room])
    for who in (ada, bob):
        await who.join(room)
        await who.join(other)

    await ada.ok("auth:refresh", {"token": token(ada.user)})

    assert (await ada.expect("room", lambda e: e["change"] == "removed"))["room"] == room
    await bob.send(room, "without ada")
    await bob.send(other, "with ada")
    await ada.expect_text("with ada")
    assert ada.texts(room) == []
    assert await ada.refused("room:join", {"room": room}) == "forbidden"


async def test_refused_events_of_a_stranger_create_no_redis_keys(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    eve = await clients(pair[0], unique("eve"))
    room = unique("nothing")

    for event, payload in events_of_a_stranger(room):
        await eve.call(event, payload)

    def leftovers() -> list[str]:
        with store(gateway_redis) as redis:
            return list(redis.scan_iter(f"*{room}*"))

    await until(lambda: not leftovers(), "no keys")


async def test_a_repeated_removal_does_not_affect_a_user_who_has_joined_again_by_a_token(
    pair: Pair, clients: Clients
) -> None:
    room = unique("team")
    owner, guest = await clients(pair[0], unique("owner")), await clients(pair[1], unique("guest"), rooms=["team-*"])
    await owner.ok("room:create", {"room": room, "kind": "private"})
    await owner.invite(room, guest.user)
    await guest.join(room)
    await owner.ok("room:remove", {"room": room, "user": guest.user})
    await guest.expect("room", lambda event: event["change"] == "removed")
    await guest.join(room)
    assert await owner.refused("room:remove", {"room": room, "user": guest.user}) == "not_found"
    await owner.join(room)
    await owner.send(room, "welcome back")
    await guest.expect_text("welcome back")
    assert len(guest.seen("room", lambda event: event["change"] == "removed")) == 1
