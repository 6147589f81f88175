"""`data` of messages: clients get the same object live, in history, in both forms of recovery, and after edits."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from roomcast.contract.backend import connect
from tests.gateways import Client, Clients, Gateway, unique
from tests.integration.gateway.test_amendments import assert_nowhere

Pair = list[Gateway]

DATA: dict[str, Any] = {"poll": {"question": "Où ? 😀", "votes": [1, 2.5, None, True]}, "kind": "text"}


async def send(client: Client, room: str, **fields: Any) -> dict[str, Any]:
    return await client.ok("message:send", {"room": room, "id": uuid4().hex, **fields})


async def edit(client: Client, room: str, target: int, **fields: Any) -> dict[str, Any]:
    return await client.ok("message:edit", {"room": room, "id": uuid4().hex, "target": target, **fields})


async def test_data_is_the_same_live_in_history_and_after_recovery(pair: Pair, clients: Clients) -> None:
    room = unique("public:data")
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    start = await bob.join(room)
    await send(ada, room, text="a poll", data=DATA)
    await send(ada, room, data=DATA)

    live = [await bob.expect("message", lambda m, seq=seq: m["seq"] == seq) for seq in (1, 2)]  # type: ignore[misc]
    since = {"seq": 0, "epoch": start["epoch"]}
    history = (await ada.ok("message:history", {"room": room}))["messages"]
    paged = (await (await clients(pair[1], unique("carl"))).join(room, since=since))["messages"]
    replayed = await clients(pair[0], unique("dora"))
    await replayed.join(room, since=since, replay=True)
    again = [await replayed.expect("message", lambda m, seq=seq: m["seq"] == seq) for seq in (1, 2)]  # type: ignore[misc]

    assert [(m["kind"], m.get("text"), m["data"]) for m in live] == [("text", "a poll", DATA), ("data", None, DATA)]
    assert live == history == paged == again


async def test_edits_replace_data_and_no_key_contains_the_old_data(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    room = unique("public:data")
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    await bob.join(room)
    target = (await send(ada, room, text="ticket 7", data={"state": "first-state"}))["seq"]
    await edit(ada, room, target, data={"state": "second-state"})
    last = await edit(ada, room, target, text="ticket 8")

    heard = await bob.expect("message", lambda m: m["seq"] == last["seq"])
    original = (await bob.ok("message:history", {"room": room}))["messages"][0]
    assert (heard["text"], heard["data"]) == ("ticket 8", {"state": "second-state"})
    assert (original["text"], original["data"], original["edited"]) == ("ticket 8", {"state": "second-state"}, 3)
    assert_nowhere(gateway_redis, room, "first-state")

    await ada.ok("message:delete", {"room": room, "id": uuid4().hex, "target": target})
    assert_nowhere(gateway_redis, room, "second-state")


async def test_a_message_with_data_only_is_not_counted_as_unread(pair: Pair, clients: Clients) -> None:
    room = unique("public:data")
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    await bob.join(room)
    await send(ada, room, text="a poll", data=DATA)
    await send(ada, room, data=DATA)

    [row] = [row for row in (await bob.ok("room:list"))["rooms"] if row["room"] == room]
    assert (row["seq"], row["unread"], row["last"]["seq"]) == (2, 1, 1)

    await bob.ok("receipt:read", {"room": room, "seq": 1})
    [row] = [row for row in (await bob.ok("room:list"))["rooms"] if row["room"] == room]
    assert row["unread"] == 0


async def test_a_back_end_publishes_data(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    room = unique("public:data")
    ada = await clients(pair[0], unique("ada"))
    await ada.join(room)
    async with connect(gateway_redis) as backend:
        await backend.publish(room, "billing", "Invoice 17", data=DATA)
        await backend.publish(room, "billing", data=DATA)
        await backend.publish(room, "billing", data=DATA, kind="text")

    last = await ada.expect("message", lambda m: m["seq"] == 3)
    kinds = [(m["kind"], m.get("text"), m["data"]) for m in ada.seen("message")]
    assert last["data"] == DATA
    assert kinds == [("system", "Invoice 17", DATA), ("system", None, DATA), ("data", None, DATA)]


async def test_a_field_that_is_not_documented_is_refused_by_name(pair: Pair, clients: Clients) -> None:
    """The gateway refuses the field also after a session's first message, when plain texts take the fast path."""
    room = unique("public:data")
    ada = await clients(pair[0], unique("ada"))
    await ada.join(room)
    for _ in range(3):
        await ada.send(room, "hi")

    answer = await ada.call("message:send", {"room": room, "id": "x", "text": "hi", "colour": "red"})
    assert answer["error"]["reason"] == "bad_request"
    assert "`colour`" in answer["error"]["detail"]
