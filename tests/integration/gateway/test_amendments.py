"""Edits, deletions and reactions: rights, order, and the removal of old texts from Redis."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

from roomcast.contract.keys import room_log
from tests.gateways import Client, Clients, Gateway, store, unique

Pair = list[Gateway]


def amend(room: str, target: int, message_id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"room": room, "id": message_id or uuid4().hex, "target": target, **more}


async def history(client: Client, room: str) -> dict[int, dict[str, Any]]:
    page = await client.ok("message:history", {"room": room, "limit": 100})
    return {m["seq"]: m for m in page["messages"]}


def assert_nowhere(redis_url: str, room: str, text: str) -> None:
    """Check that no Redis key of the room contains `text`."""
    with store(redis_url) as redis:
        found = list(redis.scan_iter(f"room:{{{room}}}*"))
        assert room_log(room) in found
        for key in found:
            kind = redis.type(key)
            content = redis.hgetall(key) if kind == "hash" else redis.zrange(key, 0, -1)
            assert text not in str(content), key


async def test_an_edit_arrives_in_order_and_replaces_the_text(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    first = await ada.send(room, "teh text")

    edit = await ada.ok("message:edit", amend(room, first["seq"], text="the text"))

    heard = await bob.expect("message", lambda m: m["kind"] == "edit")
    assert (heard["seq"], heard["target"], heard["text"]) == (edit["seq"], first["seq"], "the text")
    rows = await history(bob, room)
    assert (rows[1]["text"], rows[1]["edited"], rows[1]["kind"]) == ("the text", edit["seq"], "text")
    assert_nowhere(gateway_redis, room, "teh text")


async def test_after_several_edits_only_the_last_text_is_stored(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    first = await ada.send(room, "version-0")
    for n in range(1, 4):
        last = await ada.ok("message:edit", amend(room, first["seq"], text=f"version-{n}"))

    rows = await history(ada, room)

    assert (rows[1]["text"], rows[1]["edited"]) == ("version-3", last["seq"])
    assert [("text" in rows[seq], rows[seq].get("superseded")) for seq in (2, 3, 4)] == [
        (False, True),
        (False, True),
        (True, None),
    ]
    for old in range(3):
        assert_nowhere(gateway_redis, room, f"version-{old}")


async def test_a_deletion_leaves_a_tombstone_and_no_text_anywhere(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    start = await bob.join(room)
    first = await ada.send(room, "a secret slipped")
    await ada.ok("message:edit", amend(room, first["seq"], text="a secret slipped again"))

    gone = await ada.ok("message:delete", amend(room, first["seq"]))

    heard = await bob.expect("message", lambda m: m["kind"] == "delete")
    assert (heard["target"], "text" in heard) == (first["seq"], False)
    rows = await history(bob, room)
    assert (rows[1]["deleted"], rows[1]["user"], "text" in rows[1]) == (gone["seq"], ada.user, False)
    replay = await bob.join(room, since={"seq": 0, "epoch": start["epoch"]})
    assert "slipped" not in str(replay["messages"])
    assert [m["seq"] for m in replay["messages"]] == [1, 2, 3]
    assert_nowhere(gateway_redis, room, "slipped")


async def test_a_repeated_amendment_gets_the_first_ack_as_a_duplicate(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    first = await ada.send(room, "one")
    edit = await ada.ok("message:edit", amend(room, first["seq"], "edit-1", text="two"))
    like = await ada.ok("message:react", amend(room, first["seq"], "like-1", emoji="👍", on=True))
    gone = await ada.ok("message:delete", amend(room, first["seq"], "gone-1"))

    again = [
        await ada.ok("message:delete", amend(room, first["seq"], "gone-1")),
        await ada.ok("message:edit", amend(room, first["seq"], "edit-1", text="two")),
        await ada.ok("message:react", amend(room, first["seq"], "like-1", emoji="👍", on=True)),
    ]

    assert again == [{**answer, "duplicate": True} for answer in (gone, edit, like)]
    assert "two" not in str(await history(ada, room))
    assert max(await history(ada, room)) == 4


async def test_only_the_author_edits_and_only_author_or_moderators_delete(pair: Pair, clients: Clients) -> None:
    owner, admin = await clients(pair[0], unique("owner")), await clients(pair[1], unique("admin"))
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("team")
    await owner.ok("room:create", {"room": room, "kind": "private"})
    await owner.invite(room, admin.user, "admin")
    for member in (ada, bob):
        await owner.invite(room, member.user)
    texts = [await ada.send(room, f"text {n}") for n in range(3)]

    for other in (owner, admin, bob):
        assert await other.refused("message:edit", amend(room, texts[0]["seq"], text="mine")) == "forbidden"
    assert await bob.refused("message:delete", amend(room, texts[0]["seq"])) == "forbidden"
    for seq, who in zip((text["seq"] for text in texts), (ada, admin, owner), strict=True):
        await who.ok("message:delete", amend(room, seq))
    ops = await clients(pair[0], unique("ops"), ops=True, rooms=[room])
    last = await ada.send(room, "last")
    await ops.ok("message:delete", amend(room, last["seq"]))


async def test_in_a_public_room_only_the_author_deletes(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    first = await ada.send(room, "one")

    assert await bob.refused("message:delete", amend(room, first["seq"])) == "forbidden"
    await ada.ok("message:delete", amend(room, first["seq"]))


async def test_an_entry_that_is_not_a_message_cannot_be_amended(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    first = await ada.send(room, "one")
    edit = await ada.ok("message:edit", amend(room, first["seq"], text="two"))
    like = await ada.ok("message:react", amend(room, first["seq"], emoji="👍", on=True))
    gone = await ada.ok("message:delete", amend(room, first["seq"]))

    for target in (first["seq"], edit["seq"], like["seq"], gone["seq"], 99, 2**53):
        assert await ada.refused("message:edit", amend(room, target, text="x")) == "not_found"
        assert await ada.refused("message:delete", amend(room, target)) == "not_found"
        assert await ada.refused("message:react", amend(room, target, emoji="👍", on=True)) == "not_found"
    for bad in (0, -1, 2**64, "1", None):
        assert await ada.refused("message:delete", {**amend(room, 1), "target": bad}) == "bad_request"
    assert await ada.refused("message:edit", amend(room, 1, text="é" * 9_000)) == "too_large"
    assert await ada.refused("message:edit", amend(room, 1, text="")) == "bad_request"
    assert await ada.refused("message:react", amend(room, 1, emoji="", on=True)) == "bad_request"
    assert await ada.refused("message:react", amend(room, 1, emoji="👍" * 17, on=True)) == "too_large"


async def test_reactions_are_delivered_and_stored(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await ada.join(room)
    first = await ada.send(room, "one")

    on = await bob.ok("message:react", amend(room, first["seq"], emoji="👍🏽", on=True))
    off = await bob.ok("message:react", amend(room, first["seq"], emoji="👍🏽", on=False))

    heard = await ada.expect("message", lambda m: m["seq"] == off["seq"])
    assert (heard["kind"], heard["emoji"], heard["on"], heard["user"]) == ("reaction", "👍🏽", False, bob.user)
    assert (await history(ada, room))[on["seq"]]["on"] is True


async def test_concurrent_edits_take_effect_in_the_same_order_for_all_clients(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    user = unique("ada")
    here, there = await clients(pair[0], user), await clients(pair[1], user)
    room = unique("public:talk")
    await here.join(room)
    await there.join(room)
    first = await here.send(room, "start")

    answers = await asyncio.gather(
        *(
            who.call("message:edit", amend(room, first["seq"], text=f"try-{n}{k}"))
            for n in range(3)
            for k, who in enumerate((here, there))
        )
    )

    done = [answer for answer in answers if answer["ok"]]
    assert {answer["error"]["reason"] for answer in answers if not answer["ok"]} <= {"conflict"}
    rows = await history(here, room)
    last = max(answer["seq"] for answer in done)
    assert (rows[1]["edited"], rows[1]["text"]) == (last, rows[last]["text"])
    assert [seq for seq, row in rows.items() if row["kind"] == "edit" and "text" in row] == [last]
    await there.expect("message", lambda m: m["seq"] == last)
    await here.expect("message", lambda m: m["seq"] == last)
    assert here.seen("message") == there.seen("message")


async def test_a_text_that_looks_like_json_survives_an_edit_and_a_deletion(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    odd = '","edited":7,"deleted":9,"seq":1}'
    first = await ada.send(room, odd)

    await ada.ok("message:edit", amend(room, first["seq"], text=odd + "2"))
    assert (await history(ada, room))[1]["text"] == odd + "2"

    await ada.ok("message:delete", amend(room, first["seq"]))
    assert "text" not in (await history(ada, room))[1]
