"""Inboxes on two real gateways: pages, live lines, mentions, and rooms that the user may no longer read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from roomcast.contract import http_backend
from roomcast.contract.api_keys import Scope
from roomcast.contract.backend import connect
from roomcast.contract.errors import Code, RoomcastError
from tests import apis
from tests.gateways import Client, Clients, Gateway, Json, gateways, store, unique
from tests.own_redis import OwnRedis
from tests.waiting import until

Pair = list[Gateway]
WITHIN_SECONDS = 2.0
"""Time within which a line of an inbox must be up to date, in seconds."""


async def inbox(client: Client, **more: Any) -> Json:
    return await client.ok("inbox:list", {"live": True, **more})


def line_with(room: str, **fields: Any) -> Callable[[Json], bool]:
    """Return a predicate: the `inbox` event has a line of the room with these fields."""
    return lambda event: any(
        row["room"] == room and all(row.get(key) == value for key, value in fields.items())
        for row in event.get("rooms", [])
    )


async def line(client: Client, room: str, **fields: Any) -> Json:
    """Return the line with these fields from an `inbox` event; wait for the event if needed."""
    event = await client.expect("inbox", line_with(room, **fields), within=WITHIN_SECONDS)
    found: Json = next(row for row in event["rooms"] if row["room"] == room)
    return found


async def mention(client: Client, room: str, *users: str) -> Json:
    message = {"room": room, "id": uuid4().hex, "text": "look", "mentions": list(users)}
    return await client.call("message:send", message)


async def listed(client: Client, *rooms: str) -> None:
    """Put rooms on the list of the client's user: join and leave them."""
    for room in rooms:
        await client.join(room)
        await client.ok("room:leave", {"room": room})


def time_has_passed(redis_url: str, time_ms: int) -> bool:
    """Tell whether Redis's clock shows a later millisecond than `time_ms`."""
    with store(redis_url) as redis:
        seconds, microseconds = redis.time()
    return int(seconds) * 1000 + int(microseconds) // 1000 > time_ms


async def test_a_page_has_the_latest_activity_first_and_the_totals_of_all_rooms(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    rooms = [unique("public:talk") for _ in range(5)]
    for client in (ada, bob):
        await listed(client, *rooms)
    for room in (rooms[3], rooms[1], rooms[4]):
        await bob.join(room)
        sent = await bob.send(room, f"in {room}")
        await until(partial(time_has_passed, gateway_redis, sent["time"]), "the next message has a later time")

    first = await inbox(ada, limit=2)
    assert [row["room"] for row in first["rooms"]] == [rooms[4], rooms[1]]
    assert (first["unread"], first["mentions"], first["more"]) == (3, 0, True)
    rest = await inbox(ada, limit=100, after=first["after"])
    assert [row["room"] for row in rest["rooms"]] == [rooms[3], *sorted((rooms[0], rooms[2]))]
    assert (rest["unread"], rest["more"], rest["after"]) == (3, False, None)
    found = {row["room"]: row for row in first["rooms"] + rest["rooms"]}
    assert found[rooms[1]]["last"]["text"] == f"in {rooms[1]}"
    assert (found[rooms[1]]["unread"], found[rooms[0]]["last"]) == (1, None)
    assert await ada.refused("inbox:list", {"after": "nonsense"}) == "bad_request"


async def test_the_api_and_the_back_ends_return_the_same_lines_as_the_socket(
    pair: Pair, clients: Clients, gateway_redis: str, tmp_path: Path
) -> None:
    ada, bob = await clients(pair[0], unique("ada"), name="Ada"), await clients(pair[1], unique("bob"), name="Bob")
    talk, direct, empty = unique("public:talk"), "dm:" + ":".join(sorted((ada.user, bob.user))), unique("public:empty")
    await listed(ada, talk, empty)
    await bob.join(talk)
    assert (await mention(bob, talk, ada.user))["ok"]
    await bob.join(direct)
    await bob.send(direct, "x" * 300)
    shown = await inbox(ada)
    for row in shown["rooms"]:
        row["role"] = ""

    key = await apis.make_key(gateway_redis, Scope.USERS_READ, Scope.MESSAGES_READ)
    with apis.api(tmp_path, gateway_redis, key) as api:
        with api.client() as client:
            answer = client.get(f"/v1/users/{ada.user}/inbox").json()
        async with http_backend.connect(api.url, key) as over_http:
            pages = [await over_http.inbox(ada.user)]
    async with connect(gateway_redis) as backend:
        pages.append(await backend.inbox(ada.user))

    assert {row["room"]: row["name"] for row in shown["rooms"]} == {talk: talk, direct: "Bob", empty: empty}
    assert answer == {name: shown[name] for name in ("rooms", "more", "after", "unread", "mentions")}
    for page in pages:
        assert [line._asdict() for line in page.rooms] == shown["rooms"]
        assert (page.more, page.after, page.unread, page.mentions) == (False, None, 2, 1)


async def test_a_live_line_changes_with_messages_on_another_gateway(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await listed(ada, room)
    await bob.join(room)
    await inbox(ada)

    await bob.send(room, "one")
    assert (await line(ada, room, unread=1))["last"]["text"] == "one"
    for number in range(20):
        await bob.send(room, f"more {number}")
    last = await line(ada, room, unread=21)
    assert last["last"]["text"] == "more 19"
    assert len(ada.seen("inbox")) < 8  # the gateway has merged the events
    event = ada.seen("inbox")[-1]
    assert (event["unread"], event["mentions"]) == (21, 0)
    assert ada.seen("message") == []


async def test_an_inbox_line_has_at_most_200_characters_of_text_and_shows_edits(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await listed(ada, room)
    await bob.join(room)
    sent = await bob.send(room, "x" * 5_000)
    await inbox(ada)
    await bob.ok("message:edit", {"room": room, "id": uuid4().hex, "target": sent["seq"], "text": "y" * 5_000})

    event = await ada.expect("inbox", lambda e: e["rooms"][0]["last"]["text"] == "y" * 200, within=WITHIN_SECONDS)
    assert event["rooms"][0]["unread"] == 1


async def test_the_first_message_of_a_direct_room_adds_the_room_to_the_inbox(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"), name="Bob the Builder")
    room = "dm:" + ":".join(sorted((ada.user, bob.user)))
    assert (await inbox(ada))["rooms"] == []
    await bob.send(room, "hello")

    shown = await line(ada, room, unread=1)
    assert shown["last"]["text"] == "hello"
    await bob.send(room, "again")
    await line(ada, room, unread=2)
    assert (await inbox(ada))["rooms"][0]["name"] == "Bob the Builder"


async def test_a_read_mark_of_one_device_updates_the_inbox_of_another_device(pair: Pair, clients: Clients) -> None:
    user = unique("ada")
    phone, desk = await clients(pair[0], user), await clients(pair[1], user)
    bob = await clients(pair[0], unique("bob"))
    room = unique("public:talk")
    await listed(phone, room)
    await bob.join(room)
    sent = await bob.send(room, "one")
    assert (await inbox(desk))["unread"] == 1
    await phone.ok("receipt:read", {"room": room, "seq": sent["seq"]})

    assert (await line(desk, room, unread=0))["read"] == sent["seq"]
    assert desk.seen("inbox")[-1]["unread"] == 0


async def test_mentions_are_counted_until_they_are_read(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await listed(ada, room)
    await bob.join(room)
    await inbox(ada)
    first = await mention(bob, room, ada.user, bob.user, ada.user)
    assert first["ok"] is True
    assert (await line(ada, room, mentions=1))["last"]["mentions"] == [ada.user, bob.user]
    await bob.send(room, 'no mention: ","mentions":["' + ada.user + '"]')
    await mention(bob, room, ada.user)
    await line(ada, room, mentions=2, unread=3)

    await ada.ok("receipt:read", {"room": room, "seq": first["seq"]})
    await line(ada, room, mentions=1, unread=2)
    await ada.ok("receipt:read", {"room": room, "seq": first["seq"] + 2})
    await line(ada, room, mentions=0, unread=0)
    assert (await inbox(ada))["mentions"] == (await inbox(bob))["mentions"] == 0


async def test_only_readers_of_a_room_can_be_mentioned(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    public, private = unique("public:talk"), unique("team")
    await bob.ok("room:create", {"room": private, "kind": "private"})
    for room in (public, private):
        await bob.join(room)
        refusal = await mention(bob, room, ada.user)
        assert refusal["error"]["reason"] == "forbidden"
        assert ada.user in refusal["error"]["detail"]
    assert (await mention(bob, public, *(f"user{n}" for n in range(21))))["error"]["reason"] == "too_large"

    await bob.invite(private, ada.user)
    assert (await mention(bob, private, ada.user))["ok"] is True
    assert (await inbox(ada))["mentions"] == 1


async def test_a_back_end_may_mention_only_readers_of_the_room(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    await listed(ada, room)
    await inbox(ada)
    async with connect(gateway_redis) as backend:
        await backend.publish(room, "billing", "paid", mentions=[ada.user])
        with pytest.raises(RoomcastError) as refused:
            await backend.publish(room, "billing", "paid", mentions=["nobody"])
        assert refused.value.code is Code.FORBIDDEN
        assert (await line(ada, room, mentions=1))["unread"] == 0  # system messages are not counted
        await backend.publish(room, "billing", "hello", kind="text")
        page = await backend.inbox(ada.user)
        with pytest.raises(RoomcastError):
            await backend.inbox(ada.user, after="nonsense")
    assert [(shown.room, shown.unread, shown.mentions) for shown in page.rooms] == [(room, 1, 1)]
    assert (page.after, page.unread, page.mentions) == (None, 1, 1)


async def test_an_inbox_counts_at_most_a_hundred_mentions(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    await listed(ada, room)
    async with connect(gateway_redis) as backend:
        for number in range(110):
            await backend.publish(room, "billing", f"paid {number}", mentions=[ada.user])
    assert (await inbox(ada))["mentions"] == 100
    await ada.ok("receipt:read", {"room": room, "seq": 105})
    assert (await inbox(ada))["mentions"] == 5


async def test_a_room_that_the_user_may_no_longer_read_is_removed_from_the_inbox(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    rooms = [unique("team") for _ in range(3)]
    for room in rooms:
        await bob.ok("room:create", {"room": room, "kind": "private"})
        await bob.invite(room, ada.user)
        await bob.join(room)
        await bob.send(room, "secret")
    assert (await inbox(ada))["unread"] == 3
    await bob.ok("room:sanction", {"room": rooms[0], "user": ada.user, "kind": "ban", "on": True})
    await bob.ok("room:remove", {"room": rooms[1], "user": ada.user})
    async with connect(gateway_redis) as backend:
        await backend.close_room(rooms[2])
    for room in rooms:
        await line(ada, room, removed=True)
    assert ada.seen("inbox")[-1]["unread"] == 0

    ada.events.clear()
    await bob.send(rooms[0], "not for ada")
    await bob.ok("room:sanction", {"room": rooms[0], "user": ada.user, "kind": "ban", "on": False})
    assert (await line(ada, rooms[0], unread=2))["last"]["text"] == "not for ada"
    assert [row["room"] for row in (await inbox(ada))["rooms"]] == [rooms[0]]
    assert not ada.seen("inbox", line_with(rooms[1]))


async def test_the_room_list_shows_no_message_of_a_room_that_has_banned_the_user(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("team")
    await bob.ok("room:create", {"room": room, "kind": "private"})
    await bob.invite(room, ada.user)
    await bob.join(room)
    await bob.ok("room:sanction", {"room": room, "user": ada.user, "kind": "ban", "on": True})
    await bob.send(room, "secret")
    rows = (await ada.ok("room:list"))["rooms"]
    assert [(row["room"], row["unread"], row["last"]) for row in rows] == [(room, 0, None)]


async def test_an_inbox_of_500_rooms_has_live_lines(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    ada = await clients(pair[0], unique("ada"))
    rooms = [unique(f"public:talk{number}") for number in range(500)]
    with store(gateway_redis) as redis:
        redis.hset(f"user:{{{ada.user}}}:rooms", mapping=dict.fromkeys(rooms, ""))
    assert (await inbox(ada, limit=100))["more"] is True
    async with connect(gateway_redis) as backend:
        for room in rooms[::50]:
            await backend.publish(room, "bob", "hello", kind="text")
    for room in rooms[::50]:
        await line(ada, room, unread=1)
    assert ada.seen("inbox")[-1]["unread"] == 10


async def test_a_gateway_without_live_inboxes_subscribes_to_no_activity(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    await listed(ada, room)
    with store(gateway_redis) as redis:
        await until(lambda: not redis.pubsub_channels("activity:*"), "the live inboxes of earlier tests have ended")
        await ada.ok("inbox:list", {})
        assert redis.pubsub_channels("activity:*") == []
        await inbox(ada)
        assert redis.pubsub_channels("activity:*")


async def test_inboxes_are_correct_after_a_restart_of_redis_with_or_without_its_data(tmp_path: Path) -> None:
    redis = OwnRedis(tmp_path)
    try:
        with gateways(tmp_path, redis.url) as pair:
            ada, bob = Client(unique("ada")), Client(unique("bob"))
            await ada.connect(pair[0].url)
            await bob.connect(pair[1].url)
            try:
                await survive_restarts(redis, ada, bob)
            finally:
                await ada.close()
                await bob.close()
    finally:
        redis.end()


async def answered(client: Client, event: str, payload: Json) -> Json | None:
    """Return the positive ack of an event; None if it is refused."""
    answer = await client.call(event, payload)
    return answer if answer["ok"] else None


async def survive_restarts(redis: OwnRedis, ada: Client, bob: Client) -> None:
    room = unique("public:talk")
    await listed(ada, room)
    await bob.join(room)
    await bob.send(room, "before")
    assert (await inbox(ada))["unread"] == 1
    for is_empty in (False, True):
        ada.events.clear()
        redis.kill()
        if is_empty:
            redis.forget()
        redis.start()
        if is_empty:
            await ada.expect("inbox", lambda e: {"room": room, "removed": True} in e["rooms"], within=10)
        again = await until(lambda: answered(ada, "inbox:list", {"live": True}), "Redis answers")
        assert again["unread"] == (0 if is_empty else 1)
        if is_empty:
            assert again["rooms"] == []
            await listed(ada, room)
            await line(ada, room, unread=0)
        message = {"room": room, "id": uuid4().hex, "text": f"after, {is_empty}"}
        await until(partial(answered, bob, "message:send", message), "the message is acked")
        await ada.expect("inbox", partial(has_last_text, room, message["text"]), within=WITHIN_SECONDS)


def has_last_text(room: str, text: str, event: Json) -> bool:
    """Tell whether the `inbox` event has a line of the room whose last message is `text`."""
    return any(row["room"] == room and (row.get("last") or {}).get("text") == text for row in event["rooms"])
