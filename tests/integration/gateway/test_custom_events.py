"""Custom events between clients of two gateways, and from back ends."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from roomcast.contract.backend import connect
from roomcast.contract.limits import CUSTOM_EVENTS_BURST, CUSTOM_EVENTS_PER_SECOND
from tests.gateways import Client, Clients, Gateway, raw, store, unique

Pair = list[Gateway]

DATA: dict[str, Any] = {"ticket": 7, "state": "geschlossen ✓"}


def emission(room: str, **more: Any) -> dict[str, Any]:
    return {"room": room, "event": "ticket:state", "data": DATA, **more}


async def fence(sender: Client, receiver: Client, room: str) -> None:
    """Send a message, and wait for it: then all earlier events of the room have arrived."""
    text = unique("fence")
    await sender.send(room, text)
    await receiver.expect_text(text)


async def test_an_event_reaches_the_other_clients_in_the_room_and_is_not_logged(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    room = unique("public:custom")
    ada, bob, eve = [await clients(pair[n % 2], unique(name)) for n, name in enumerate(("ada", "bob", "eve"))]
    await ada.join(room)
    await bob.join(room)

    assert (await ada.ok("room:emit", emission(room)))["sent"] is True
    await ada.io.emit("room:emit", {"room": room, "event": "ping"})

    heard = await bob.expect("custom", lambda e: e["event"] == "ticket:state")
    assert heard == {"room": room, "event": "ticket:state", "user": ada.user, "data": DATA}
    assert (await bob.expect("custom", lambda e: e["event"] == "ping"))["data"] == {}
    await fence(bob, ada, room)
    assert ada.seen("custom") == eve.seen("custom") == []
    with store(gateway_redis) as redis:
        assert redis.hlen(f"room:{{{room}}}:log") == 1


async def test_events_of_invisible_muted_and_blocked_users_are_dropped(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    room = unique("public:custom")
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    direct = "dm:" + ":".join(sorted((ada.user, bob.user)))
    for client in (ada, bob):
        await client.join(room)
        await client.join(direct)
    await ada.ok("presence", {"status": "invisible"})
    assert (await ada.ok("room:emit", emission(room)))["sent"] is False
    assert (await ada.ok("room:emit", emission(room, event="shown", as_invisible=True)))["sent"] is True
    await ada.ok("presence", {"status": "online"})
    await bob.ok("user:block", {"user": ada.user, "on": True})
    async with asyncio.timeout(5):  # until the block is in force on the other gateway
        while (await ada.ok("room:emit", emission(direct, event="before")))["sent"]:
            await asyncio.sleep(0.05)
    assert (await ada.ok("room:emit", emission(direct)))["sent"] is False
    async with connect(gateway_redis) as backend:
        await backend.mute(ada.user, room=room)
    async with asyncio.timeout(5):
        while (await ada.ok("room:emit", emission(room, event="before")))["sent"]:
            await asyncio.sleep(0.05)

    await bob.send(room, "fence")
    await bob.expect_text("fence")
    heard = {event["event"] for event in bob.seen("custom")}
    assert ("shown" in heard, "ticket:state" in heard) == (True, False)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"room": "public:elsewhere"}, "forbidden"),
        ({"event": ""}, "bad_request"),
        ({"event": "a b"}, "bad_request"),
        ({"event": "x" * 65}, "bad_request"),
        ({"event": "name\n"}, "bad_request"),
        ({"data": []}, "bad_request"),
        ({"data": {"a": "x" * 4_096}}, "too_large"),
        ({"user": "somebody"}, "bad_request"),
    ],
)
async def test_invalid_events_are_refused(pair: Pair, clients: Clients, change: dict[str, Any], reason: str) -> None:
    room = unique("public:custom")
    ada = await clients(pair[0], unique("ada"))
    await ada.join(room)
    assert await ada.refused("room:emit", emission(room) | change) == reason


async def test_a_flood_of_custom_events_is_limited(pair: Pair, clients: Clients) -> None:
    room = unique("public:custom")
    ada = await clients(pair[0], unique("ada"))
    await ada.join(room)
    answers = await asyncio.gather(*(ada.call("room:emit", emission(room)) for _ in range(150)))
    refused = [answer["error"] for answer in answers if not answer["ok"]]
    assert refused
    assert {error["reason"] for error in refused} == {"rate_limited"}
    assert all(error["retry_after"] > 0 for error in refused)


async def test_a_new_session_on_the_same_websocket_does_not_reset_the_limit(pair: Pair) -> None:
    room, user, sent = unique("public:custom"), unique("ada"), 0
    begin = time.monotonic()
    async with raw(pair[0]) as socket:
        for number in (1_000, 2_000, 3_000):
            await socket.sign_in(user)
            await socket.send(f"42{number}" + json.dumps(["room:join", {"room": room}]))
            await socket.ack(number)
            numbers = range(number + 1, number + 1 + CUSTOM_EVENTS_BURST)
            await socket.send(*(f"42{one}" + json.dumps(["room:emit", emission(room)]) for one in numbers))
            sent += sum([(await socket.ack(one))["ok"] for one in numbers])
            await socket.send("41")
    seconds = time.monotonic() - begin
    assert CUSTOM_EVENTS_BURST <= sent <= CUSTOM_EVENTS_BURST + CUSTOM_EVENTS_PER_SECOND * seconds + 1, seconds


async def test_a_back_end_sends_events_to_a_user_a_room_and_all_users(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    room = unique("public:custom")
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    await bob.join(room)
    async with connect(gateway_redis) as backend:
        await backend.emit_to_user(ada.user, "to:user", DATA)
        await backend.emit_to_room(room, "to:room", DATA)
        await backend.emit_to_all("to:all")

    await ada.expect("custom", lambda e: e["event"] == "to:all")
    await bob.expect("custom", lambda e: e["event"] == "to:all")
    await bob.expect("custom", lambda e: e["event"] == "to:room")
    await ada.expect("custom", lambda e: e["event"] == "to:user")
    by_name = lambda e: e["event"]  # noqa: E731
    assert sorted(ada.seen("custom"), key=by_name) == [
        {"event": "to:all", "data": {}},
        {"event": "to:user", "data": DATA},
    ]
    assert sorted(bob.seen("custom"), key=by_name) == [
        {"event": "to:all", "data": {}},
        {"room": room, "event": "to:room", "data": DATA},
    ]
