"""Mutes, bans, slow mode, reports and block lists, over two gateways."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import pytest
import socketio

from roomcast.contract.backend import connect
from roomcast.contract.keys import REPORTS, room_reports, user_blocked
from roomcast.contract.limits import MAX_BLOCKED
from tests.gateways import Client, Clients, Gateway, store, unique
from tests.waiting import until

Pair = list[Gateway]
EVERYWHERE_SECONDS = 5.0
"""Time within which a sanction or block must be in force on all gateways, in seconds."""


async def room_of(owner: Client, *members: Client) -> str:
    """Create a private room with these members; let all of them and the owner join."""
    room = unique("team")
    await owner.ok("room:create", {"room": room, "kind": "private", "name": "The team"})
    for member in members:
        await owner.invite(room, member.user)
    for person in (owner, *members):
        await person.join(room)
    return room


async def refusal(client: Client, event: str, payload: dict[str, Any]) -> str:
    return str((await client.call(event, payload)).get("error", {}).get("reason", "ok"))


def text(room: str, words: str = "hello") -> dict[str, Any]:
    return {"room": room, "id": unique("m"), "text": words}


class TestMutes:
    async def test_a_muted_user_can_read_but_not_write(self, pair: Pair, clients: Clients) -> None:
        ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
        room = await room_of(ada, bob)
        for _ in range(3):  # from the second message on, the session may use the fast path
            await bob.send(room, "before")
        answer = await ada.ok("room:sanction", {"room": room, "user": bob.user, "kind": "mute", "on": True})
        assert answer["until"] == 0
        told = await bob.expect("room", lambda e: e["change"] == "muted")
        assert (told["room"], told["by"], told["until"]) == (room, ada.user, 0)
        await until(lambda: _is(bob, room, "muted"), "muted", EVERYWHERE_SECONDS)
        mine = next(m["seq"] for _, m in bob.events if _ == "message" and m["text"] == "before")
        for event, payload in [
            ("message:edit", {"room": room, "id": unique("e"), "target": mine, "text": "after"}),
            ("message:react", {"room": room, "id": unique("r"), "target": mine, "emoji": "x", "on": True}),
        ]:
            assert await refusal(bob, event, payload) == "muted"
        await ada.send(room, "you may read this")
        await bob.expect_text("you may read this")

    async def test_a_mute_ends_after_its_seconds_or_when_it_is_lifted(self, pair: Pair, clients: Clients) -> None:
        ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
        room = await room_of(ada, bob)
        mute = {"room": room, "user": bob.user, "kind": "mute"}
        await ada.ok("room:sanction", {**mute, "on": True, "seconds": 1})
        await until(lambda: _is(bob, room, "muted"), "muted", EVERYWHERE_SECONDS)
        await until(lambda: _is(bob, room, "ok"), "ended", EVERYWHERE_SECONDS)
        await ada.ok("room:sanction", {**mute, "on": True})
        await until(lambda: _is(bob, room, "muted"), "muted", EVERYWHERE_SECONDS)
        await ada.ok("room:sanction", {**mute, "on": False})
        await until(lambda: _is(bob, room, "ok"), "the mute is lifted", EVERYWHERE_SECONDS)

    async def test_only_moderators_may_sanction_and_they_cannot_sanction_the_owner(
        self, pair: Pair, clients: Clients
    ) -> None:
        ada, bob, eve = [await clients(pair[n % 2], unique(name)) for n, name in enumerate(("ada", "bob", "eve"))]
        room = await room_of(ada, bob)
        mute = {"room": room, "kind": "mute", "on": True}
        assert await refusal(bob, "room:sanction", {**mute, "user": ada.user}) == "forbidden"
        assert await refusal(eve, "room:sanction", {**mute, "user": ada.user}) == "forbidden"
        assert await refusal(eve, "room:sanctions", {"room": room}) == "forbidden"
        assert await refusal(eve, "room:slow", {"room": room, "seconds": 5}) == "forbidden"
        await ada.invite(room, bob.user, "admin")
        assert await refusal(bob, "room:sanction", {**mute, "user": ada.user}) == "forbidden"
        assert await refusal(ada, "room:sanction", {**mute, "user": ada.user}) == "forbidden"

    async def test_an_operator_may_moderate_a_public_room(self, pair: Pair, clients: Clients) -> None:
        ops = await clients(pair[0], unique("ops"), ops=True)
        bob = await clients(pair[1], unique("bob"))
        room = unique("public:hall")
        await bob.join(room)
        await bob.send(room, "noise")
        await ops.ok("room:sanction", {"room": room, "user": bob.user, "kind": "mute", "on": True})
        await until(lambda: _is(bob, room, "muted"), "muted", EVERYWHERE_SECONDS)
        listed = await ops.ok("room:sanctions", {"room": room})
        assert (listed["muted"], listed["banned"], listed["slow_seconds"]) == ({bob.user: 0}, {}, 0)


class TestBans:
    async def test_a_banned_user_is_removed_and_cannot_come_back(self, pair: Pair, clients: Clients) -> None:
        ops = await clients(pair[0], unique("ops"), ops=True)
        bob = await clients(pair[1], unique("bob"))
        room = unique("public:hall")
        await bob.join(room)
        ban = {"room": room, "user": bob.user, "kind": "ban"}
        await ops.ok("room:sanction", {**ban, "on": True})
        await bob.expect("room", lambda e: e["change"] == "removed")
        tries = [("room:join", {"room": room}), ("message:send", text(room)), ("message:history", {"room": room})]
        for event, payload in tries:
            assert await refusal(bob, event, payload) == "forbidden"
        await ops.ok("room:sanction", {**ban, "on": False})
        await until(lambda: _joins(bob, room), "unbanned", EVERYWHERE_SECONDS)

    async def test_a_ban_without_a_room_disconnects_and_refuses_the_sign_in(
        self, pair: Pair, clients: Clients, gateway_redis: str
    ) -> None:
        bob = await clients(pair[0], unique("bob"))
        async with connect(gateway_redis) as backend:
            await backend.ban(bob.user, seconds=600)
            await until(lambda: not bob.io.connected, "disconnected", EVERYWHERE_SECONDS)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await clients(pair[1], bob.user)
            assert pair[1].metric('roomcast_gateway_connects_total{outcome="banned"}') >= 1
            await backend.unban(bob.user)
            await until(lambda: _connects(clients, pair[1], bob.user), "unbanned", EVERYWHERE_SECONDS)

    async def test_a_mute_without_a_room_applies_in_every_room(
        self, pair: Pair, clients: Clients, gateway_redis: str
    ) -> None:
        bob = await clients(pair[0], unique("bob"))
        rooms = [unique("public:a"), unique("public:b")]
        for room in rooms:
            await bob.join(room)
            await bob.send(room, "before")
        async with connect(gateway_redis) as backend:
            await backend.mute(bob.user)
            for room in rooms:
                await until(partial(_is, bob, room, "muted"), "muted", EVERYWHERE_SECONDS)
            await backend.unmute(bob.user)
            await until(lambda: _is(bob, rooms[0], "ok"), "unmuted", EVERYWHERE_SECONDS)


async def test_closing_a_room_deletes_its_sanctions(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    """Otherwise the next room with this id would begin with the old bans and slow mode."""
    ada, eve = await clients(pair[0], unique("ada")), await clients(pair[1], unique("eve"))
    room = await room_of(ada, eve)
    await ada.ok("room:slow", {"room": room, "seconds": 60})
    await ada.ok("room:sanction", {"room": room, "user": eve.user, "kind": "ban", "on": True})
    await eve.expect("room", lambda event: event["change"] == "banned")
    assert await eve.refused("room:join", {"room": room}) == "forbidden"
    async with connect(gateway_redis) as backend:
        await backend.close_room(room)
        await backend.create_room(room, eve.user)
    await until(lambda: _joins(eve, room), "the ban has ended", EVERYWHERE_SECONDS)
    for number in range(2):
        await eve.send(room, f"not slow {number}")


async def test_slow_mode_limits_a_user_across_gateways_and_devices(pair: Pair, clients: Clients) -> None:
    ops = await clients(pair[0], unique("ops"), ops=True)
    name = unique("bob")
    phone, desk = await clients(pair[0], name), await clients(pair[1], name)
    room = unique("public:slow")
    for client in (ops, phone, desk):
        await client.join(room)
    await phone.send(room, "fast")
    await desk.send(room, "fast")
    await ops.ok("room:slow", {"room": room, "seconds": 600})
    told = await desk.expect("room", lambda e: e["change"] == "slow")
    assert told["seconds"] == 600

    async def is_slow(client: Client) -> bool:
        answer = await client.call("message:send", text(room))
        error = answer.get("error", {})
        return bool(error.get("reason") == "rate_limited" and error["retry_after"] > 500)

    await until(lambda: is_slow(phone), "the phone is limited", EVERYWHERE_SECONDS)
    await until(lambda: is_slow(desk), "the desk is limited", EVERYWHERE_SECONDS)
    await ops.send(room, "operators are not slowed")
    await ops.send(room, "at all")
    await ops.ok("room:slow", {"room": room, "seconds": 0})
    await until(lambda: _is(phone, room, "ok"), "slow mode has ended", EVERYWHERE_SECONDS)


async def test_a_report_reaches_moderators_and_operators(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    ada, bob, eve = [await clients(pair[n % 2], unique(name)) for n, name in enumerate(("ada", "bob", "eve"))]
    ops = await clients(pair[1], unique("ops"), ops=True)
    room = await room_of(ada, bob)
    seq = (await bob.send(room, "an insult"))["seq"]
    assert await refusal(eve, "message:report", {"room": room, "target": seq, "reason": "x"}) == "forbidden"
    assert await refusal(bob, "message:report", {"room": room, "target": 999, "reason": "x"}) == "not_found"
    number = (await bob.ok("message:report", {"room": room, "target": seq, "reason": "rude"}))["id"]
    assert await refusal(bob, "report:list", {"room": room}) == "forbidden"
    assert await refusal(ada, "report:list", {}) == "forbidden"
    (report,) = (await ada.ok("report:list", {"room": room}))["reports"]
    assert (report["id"], report["by"], report["reason"], report["target"]) == (number, bob.user, "rude", seq)
    assert json.loads(report["message"])["text"] == "an insult"
    assert number in [each["id"] for each in (await ops.ok("report:list", {}))["reports"]]
    assert await refusal(bob, "report:resolve", {"id": number}) == "not_found", (
        "the refusal does not reveal that the report exists"
    )
    await ada.ok("report:resolve", {"id": number})
    assert (await ada.ok("report:list", {"room": room}))["reports"] == []
    async with connect(gateway_redis) as backend:
        assert number not in [each["id"] for each in await backend.reports()]
        again = (await bob.ok("message:report", {"room": room, "target": seq, "reason": "again"}))["id"]
        assert again in [each["id"] for each in await backend.reports()]
        await backend.resolve_report(again)
        assert again not in [each["id"] for each in await backend.reports()]


async def test_a_room_lists_only_its_own_reports_and_a_new_room_with_its_id_has_no_reports(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada, bob, eve = [await clients(pair[n % 2], unique(name)) for n, name in enumerate(("ada", "bob", "eve"))]
    room = await room_of(ada, bob)
    seq = (await ada.send(room, "an insult"))["seq"]
    numbers = []
    with store(gateway_redis) as client:
        for reason in ("first", "second", "third"):
            for _ in range(600):
                client.xadd(REPORTS, {"report": json.dumps({"room": "team:other", "message": "x"})})
            report = await bob.ok("message:report", {"room": room, "target": seq, "reason": reason})
            numbers.append(report["id"])
        page = await ada.ok("report:list", {"room": room, "limit": 1})
        assert ([each["reason"] for each in page["reports"]], page["more"]) == (["first"], True)
        client.xdel(REPORTS, numbers[1])  # as a back end does, or as Redis does when the queue is full
        page = await ada.ok("report:list", {"room": room, "after": numbers[0]})
        assert ([each["reason"] for each in page["reports"]], page["more"]) == (["third"], False)
        assert client.zrange(room_reports(room), 0, -1) == [numbers[0], numbers[2]]
    await ada.ok("room:close", {"room": room})
    await eve.ok("room:create", {"room": room, "kind": "private"})
    assert (await eve.ok("report:list", {"room": room}))["reports"] == []


async def test_a_block_stops_direct_messages_and_hides_presence_in_both_directions(
    pair: Pair, clients: Clients
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    first, second = sorted((ada.user, bob.user))
    room = f"dm:{first}:{second}"
    for person in (ada, bob):
        await person.join(room)
        await person.send(room, "hello")
        await person.send(room, "hello again")
    await ada.ok("user:block", {"user": bob.user, "on": True})
    assert (await ada.ok("user:blocked", {}))["users"] == [bob.user]
    await until(lambda: _is(bob, room, "forbidden"), "blocked", EVERYWHERE_SECONDS)
    await until(lambda: _is(ada, room, "forbidden"), "the block holds in both directions", EVERYWHERE_SECONDS)
    for watcher, other in ((ada, bob), (bob, ada)):
        shown = (await watcher.ok("presence:query", {"users": [other.user]}))["users"][other.user]
        assert shown["status"] == "offline"
    await ada.ok("user:block", {"user": bob.user, "on": False})
    await until(lambda: _is(bob, room, "ok"), "unblocked", EVERYWHERE_SECONDS)
    assert await refusal(ada, "user:block", {"user": ada.user, "on": True}) == "bad_request"


async def test_concurrent_requests_cannot_exceed_the_limit_of_a_block_list(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada = await clients(pair[0], unique("ada"))
    with store(gateway_redis) as client:
        client.sadd(user_blocked(ada.user), *(f"eve{n}" for n in range(MAX_BLOCKED - 5)))
        answers = await asyncio.gather(*(ada.call("user:block", {"user": f"bob{n}", "on": True}) for n in range(20)))
        assert 0 < client.scard(user_blocked(ada.user)) <= MAX_BLOCKED
    refused = [answer["error"]["reason"] for answer in answers if not answer["ok"]]
    assert len(refused) >= 15
    assert set(refused) == {"too_large"}


async def _is(client: Client, room: str, outcome: str) -> bool:
    return await refusal(client, "message:send", text(room)) == outcome


async def _joins(client: Client, room: str) -> bool:
    return await refusal(client, "room:join", {"room": room}) == "ok"


async def _connects(clients: Clients, where: Gateway, user: str) -> bool:
    try:
        await clients(where, user)
    except socketio.exceptions.ConnectionError:
        return False
    return True
