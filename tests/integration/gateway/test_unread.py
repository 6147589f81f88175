"""Unread counts: texts and media of other users after the read mark, compared with a model that counts anew."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from roomcast.contract.backend import connect
from tests.gateways import Client, Clients, Gateway, gateway, store, unique

Pair = list[Gateway]


async def row(client: Client, room: str) -> dict[str, Any]:
    """Return the client's line of the room list."""
    rows = (await client.ok("room:list", {}))["rooms"]
    found: dict[str, Any] = next(one for one in rows if one["room"] == room)
    return found


class Model:
    """A model of the room: it records the author of each entry, and counts the unread entries anew."""

    def __init__(self, clients: list[Client], room: str) -> None:
        self.clients = clients
        self.room = room
        self.entries: list[tuple[str, bool]] = []
        """The author of each entry from `seq` 1 on, and whether the entry is a text."""
        self.marks = {client.user: 0 for client in clients}

    async def emit(self, client: Client, event: str, **fields: Any) -> None:
        await client.ok(event, {"room": self.room, "id": uuid4().hex, **fields})
        self.entries.append((client.user, event == "message:send"))

    async def read(self, client: Client, seq: int) -> None:
        await client.ok("receipt:read", {"room": self.room, "seq": seq})
        self.marks[client.user] = max(self.marks[client.user], min(seq, len(self.entries)))

    def unread(self, user: str) -> int:
        after = self.entries[self.marks[user] :]
        return sum(1 for author, is_text in after if is_text and author != user)

    def own_texts(self, user: str) -> list[int]:
        return [n for n, (author, is_text) in enumerate(self.entries, 1) if is_text and author == user]

    async def check(self) -> None:
        texts = [n for n, (_, is_text) in enumerate(self.entries, 1) if is_text]
        for client in self.clients:
            listed = await row(client, self.room)
            assert listed["unread"] == self.unread(client.user), (client.user, self.marks, self.entries)
            assert (listed["last"] or {}).get("seq") == (texts[-1] if texts else None)
            assert listed["seq"] == len(self.entries)


@pytest.mark.parametrize("seed", range(3))
async def test_unread_counts_equal_those_of_the_model(pair: Pair, clients: Clients, seed: int) -> None:
    rng = random.Random(seed)
    people = [await clients(pair[n % 2], unique(name)) for n, name in enumerate(("ada", "bob", "carol"))]
    room = unique("public:talk")
    for client in people:
        await client.join(room)
    model = Model(people, room)
    for step in range(80):
        await act(model, rng, step)
        if step % 8 == 7:
            await model.check()


async def act(model: Model, rng: random.Random, step: int) -> None:
    """Send a random event of a random user."""
    client = rng.choice(model.clients)
    what = rng.choice(("send", "send", "send", "message:edit", "message:delete", "message:react", "read", "read_all"))
    targets = [n for n in model.own_texts(client.user)[-2:] if await is_not_deleted(client, model.room, n)]
    fields: dict[str, dict[str, Any]] = {
        "message:edit": {"text": "again"},
        "message:delete": {},
        "message:react": {"emoji": "x", "on": True},
    }
    if what == "read":
        await model.read(client, rng.randrange(len(model.entries) + 3))
    elif what == "read_all":
        await model.read(client, len(model.entries))
    elif what in fields and targets:
        await model.emit(client, what, target=rng.choice(targets), **fields[what])
    else:
        await model.emit(client, "message:send", text=f"text {step}")


async def is_not_deleted(client: Client, room: str, seq: int) -> bool:
    page = await client.ok("message:history", {"room": room, "before": seq + 1, "limit": 1})
    return "deleted" not in page["messages"][0]


async def test_after_reading_an_empty_room_five_new_messages_are_unread(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    joined = await bob.join(room)
    await bob.ok("receipt:read", {"room": room, "seq": joined["seq"]})
    await bob.ok("room:leave", {"room": room})
    await ada.join(room)
    for n in range(5):
        await ada.send(room, str(n))

    assert (await row(bob, room))["unread"] == 5
    assert (await row(ada, room))["unread"] == 0


async def test_own_messages_edits_reactions_and_deletions_do_not_count_as_unread(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    first = await ada.send(room, "one")
    kept = await ada.send(room, "two")
    await bob.ok("receipt:read", {"room": room, "seq": kept["seq"]})
    await bob.send(room, "mine")
    for event, fields in (
        ("message:edit", {"target": kept["seq"], "text": "2"}),
        ("message:react", {"target": kept["seq"], "emoji": "x", "on": True}),
        ("message:delete", {"target": first["seq"]}),
    ):
        await ada.ok(event, {"room": room, "id": uuid4().hex, **fields})

    listed = await row(bob, room)
    assert (listed["unread"], listed["last"]["text"]) == (0, "mine")


async def test_media_count_as_unread_and_system_messages_do_not(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room, upload = unique("public:talk"), uuid4().hex
    await bob.join(room)
    with store(gateway_redis) as redis:
        media = '{"upload":"u","url":"https://files.example/u","type":"image/png","size":10,"name":"a,\\"kind.png"}'
        redis.hset("upload:{" + upload + "}", mapping={"owner": ada.user, "room": room, "media": media})
        redis.expire("upload:{" + upload + "}", 40 * 86_400)
    await ada.ok("message:send", {"room": room, "id": "m", "upload": upload})
    async with connect(gateway_redis) as backend:
        await backend.publish(room, "shop", "paid", kind="system")
        await backend.publish(room, "shop", "a text", kind="text", id='a,"kind":"system"')

    listed = await row(bob, room)
    assert (listed["unread"], listed["last"]["text"], listed["seq"]) == (2, "a text", 3)


async def test_the_texts_of_a_user_named_at_bob_are_no_mentions_of_bob(pair: Pair, clients: Clients) -> None:
    user = unique("bob")
    ada, bob, namesake = [await clients(pair[0], one) for one in (unique("ada"), user, f"@{user}")]
    room = unique("public:talk")
    for client in (ada, bob, namesake):
        await client.join(room)
        await client.ok("inbox:list", {"live": True})
    await namesake.send(room, "first")
    for n in range(2):
        await ada.ok("message:send", {"room": room, "id": f"m{n}", "text": f"@{user}", "mentions": [user]})
    await namesake.send(room, "mine")
    await ada.expect_text("mine")

    numbers = [await numbers_of(client, room) for client in (ada, bob, namesake)]
    assert numbers == [(2, 0), (4, 2), (2, 0)], "(unread, mentions)"
    for client in (ada, bob, namesake):
        await client.expect("inbox", lambda data: any(line.get("seq") == 4 for line in data["rooms"]))
    await bob.ok("receipt:read", {"room": room, "seq": 2})
    await namesake.ok("receipt:read", {"room": room, "seq": 3})
    assert [await numbers_of(client, room) for client in (bob, namesake)] == [(2, 1), (0, 0)]


async def numbers_of(client: Client, room: str) -> tuple[int, int]:
    """Return the unread messages and the mentions of a room in the client's inbox."""
    lines = (await client.ok("inbox:list", {}))["rooms"]
    line = next(one for one in lines if one["room"] == room)
    return line["unread"], line["mentions"]


async def test_a_resend_is_counted_once(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    for _ in range(3):
        await ada.send(room, "one", "same-id")

    assert (await row(bob, room))["unread"] == 1


async def test_unread_never_exceeds_the_number_of_messages_in_a_trimmed_log(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    room = "public:talk"
    with gateway(tmp_path, redis_url, LOG_MESSAGES="10") as running:
        ada, bob = await clients(running, "ada"), await clients(running, "bob")
        await bob.join(room)
        for n in range(25):
            await ada.send(room, str(n))

        assert (await row(bob, room))["unread"] == 10
        await bob.ok("receipt:read", {"room": room, "seq": 3})
        assert (await row(bob, room))["unread"] == 10
        await bob.ok("receipt:read", {"room": room, "seq": 17})
        assert (await row(bob, room))["unread"] == 8
        await bob.ok("receipt:read", {"room": room, "seq": 25})
        assert (await row(bob, room))["unread"] == 0
        await ada.send(room, "more")
        assert (await row(bob, room))["unread"] == 1


async def test_after_a_close_only_new_messages_count_as_unread(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    for n in range(3):
        await ada.send(room, str(n))
    async with connect(gateway_redis) as backend:
        await backend.close_room(room)
    await bob.join(room)
    await ada.send(room, "new")

    assert (await row(bob, room))["unread"] == 1
