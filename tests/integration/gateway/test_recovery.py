"""Joins with `since`: the client gets all missed messages, or `recovered: false`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.gateways import Clients, Gateway, gateways, raw, unique
from tests.waiting import until

Pair = list[Gateway]


def since(answer: dict[str, Any], seq: Any = None, epoch: str | None = None) -> dict[str, Any]:
    """Return a `since` with the position of an answer, or with another `seq` or `epoch`."""
    return {"seq": answer["seq"] if seq is None else seq, "epoch": answer["epoch"] if epoch is None else epoch}


async def test_a_join_on_another_gateway_returns_the_missed_messages(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[0], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    await ada.send(room, "one")
    last = await bob.expect_text("one")
    await bob.close()
    for text in ("two", "three"):
        await ada.send(room, text)

    back = await clients(pair[1], bob.user)
    joined = await back.join(room, since=since(last))
    await ada.send(room, "four")
    await back.expect_text("four")

    assert (joined["recovered"], joined["more"], joined["seq"]) == (True, False, 3)
    assert [m["text"] for m in joined["messages"]] == ["two", "three"]
    assert back.texts(room) == ["four"]


async def test_a_join_without_missed_messages_is_recovered(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    empty = await ada.join(room)
    assert (empty["recovered"], empty["seq"], empty["messages"]) == (False, 0, [])

    assert (await ada.join(room, since=since(empty)))["recovered"] is True
    ack = await ada.send(room, "one")
    again = await ada.join(room, since=since(ack))

    assert (again["recovered"], again["messages"], again["more"]) == (True, [], False)


async def test_a_long_absence_is_recovered_in_pages_without_gap_or_repeat(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    start = await bob.join(room)
    await bob.ok("room:leave", {"room": room})
    for n in range(25):
        await ada.send(room, str(n))

    texts, last, more = [], since(start), True
    while more:
        page = await bob.join(room, since=last, limit=10)
        assert page["recovered"] is True
        texts += [m["text"] for m in page["messages"]]
        last, more = since(page, page["messages"][-1]["seq"]), page["more"]

    assert texts == [str(n) for n in range(25)]


async def test_the_first_join_returns_the_latest_page(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    for n in range(5):
        await ada.send(room, str(n))

    joined = await ada.join(room, limit=2)

    assert ([m["text"] for m in joined["messages"]], joined["more"]) == (["3", "4"], True)
    assert (await ada.join(room, limit=5))["more"] is False


@pytest.mark.parametrize(
    "offset",
    [
        {"seq": -1},
        {"seq": 99},
        {"seq": 2**53},
        {"seq": 2**63},
        {"seq": 2**64},
        {"seq": -(2**64)},
        {"seq": 1.5},
        {"seq": "$"},
        {"seq": "1"},
        {"seq": "1-0"},
        {"epoch": "$"},
        {"epoch": ""},
        {"epoch": "0123456789abcdef"},
        {"epoch": "\x00" * 16},
    ],
    ids=str,
)
async def test_an_unknown_position_is_not_recovered(pair: Pair, clients: Clients, offset: dict[str, Any]) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    for n in range(3):
        ack = await ada.send(room, str(n))

    joined = await ada.join(room, since=since(ack) | offset)
    plain = await ada.join(room)

    assert joined["recovered"] is False
    assert joined["messages"] == plain["messages"]
    await ada.send(room, "after")
    await ada.expect_text("after")


async def test_malformed_positions_are_bad_requests(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")

    for bad in (7, "1-0", [1, "x"], {"seq": 1}, {"epoch": "x"}, {"seq": None, "epoch": "x"}, {"seq": 1, "epoch": 7}):
        assert await ada.refused("room:join", {"room": room, "since": bad}) == "bad_request", bad


async def test_messages_sent_during_joins_reach_each_joining_client_exactly_once(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    readers = [await clients(pair[n % 2], unique("bob")) for n in range(6)]
    room = unique("public:talk")
    start = await ada.join(room)

    async def write() -> None:
        for n in range(60):
            await ada.send(room, str(n))

    async def read(reader: Any, delay: int) -> list[int]:
        await until(lambda: len(ada.seen("message")) >= delay, "some messages")
        joined = await reader.join(room, since=since(start), limit=100)
        assert (joined["recovered"], joined["more"]) == (True, False)
        await reader.expect("message", lambda m: m["seq"] == 60)
        return [m["seq"] for m in (*joined["messages"], *reader.seen("message"))]

    _, *heard = await asyncio.gather(write(), *(read(reader, n * 7) for n, reader in enumerate(readers)))

    assert heard == [list(range(1, 61))] * len(readers)


async def test_after_a_kill_another_gateway_returns_all_missed_messages(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    with gateways(tmp_path, redis_url, 2) as (first, second):
        ada, bob = await clients(second, "ada"), await clients(first, "bob")
        room = "public:talk"
        await bob.join(room)
        await ada.send(room, "one")
        last = await bob.expect_text("one")

        first.kill()
        await bob.expect_gone()
        for text in ("two", "three"):
            await ada.send(room, text)

        back = await clients(second, "bob")
        joined = await back.join(room, since=since(last))
        assert joined["recovered"] is True
        assert [m["text"] for m in joined["messages"]] == ["two", "three"]


async def test_a_join_with_an_old_epoch_is_not_recovered(pair: Pair, clients: Clients) -> None:
    """`test_redis_outages.py` tests the restart of Redis, which begins the new epoch."""
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    ack = await ada.send(room, "one")

    joined = await ada.join(room, since=since(ack, epoch="f" * 16))

    assert (joined["recovered"], joined["epoch"]) == (False, ack["epoch"])


async def test_a_join_since_a_seq_before_the_start_of_the_log_is_not_recovered(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    with gateways(tmp_path, redis_url, 1, LOG_MESSAGES="10") as (running,):
        ada = await clients(running, "ada")
        room = "public:talk"
        acks = [await ada.send(room, str(n)) for n in range(1, 21)]

        gone = await ada.join(room, since=since(acks[8]))  # the next seq is 10, which is no longer in the log
        kept = await ada.join(room, since=since(acks[9]))

        assert (gone["recovered"], kept["recovered"]) == (False, True)
        assert [m["seq"] for m in kept["messages"]] == list(range(11, 21))
        oldest = await ada.ok("message:history", {"room": room, "limit": 100})
        assert ([m["seq"] for m in oldest["messages"]], oldest["more"]) == (list(range(11, 21)), False)


async def test_a_client_that_disconnects_during_a_join_leaves_no_occupant(pair: Pair, clients: Clients) -> None:
    room = unique("public:talk")
    watcher = await clients(pair[1], unique("eve"))
    await watcher.join(room)

    for n in range(10):
        async with raw(pair[0]) as socket:
            await socket.sign_in(f"ghost-{n}-{room[12:]}")
            await socket.send('421["room:join",{"room":"' + room + '"}]')
            socket.abort()

    async def is_alone() -> bool:
        return [row["user"] for row in (await watcher.ok("room:members", {"room": room}))["members"]] == [watcher.user]

    await until(lambda: pair[0].metric("roomcast_gateway_connections") == 0, "all connections are closed")
    await until(is_alone, "only the watcher is in the room")
    late = await clients(pair[0], unique("late"))
    joined = await late.join(room)  # the gateway of the lost clients has handled all their packets by now
    assert sorted(row["user"] for row in joined["members"]) == sorted([watcher.user, late.user])


async def test_a_leave_sent_right_after_a_join_takes_effect(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    carl = await clients(pair[1], unique("carl"))
    room = unique("public:talk")
    await ada.join(room)
    await carl.join(room)

    await bob.io.emit("room:join", {"room": room})
    await bob.ok("room:leave", {"room": room})
    await ada.send(room, "secret")
    await carl.expect_text("secret")  # bob's gateway has the message
    await bob.ok("room:list")

    assert bob.texts(room) == []
    await until(lambda: _is_occupied_by(ada, room, 2), "bob has left the room")


async def _is_occupied_by(client: Any, room: str, count: int) -> bool:
    return len((await client.ok("room:members", {"room": room}))["members"]) == count


async def test_a_connection_cannot_exceed_the_limit_of_rooms_by_concurrent_joins(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    with gateways(tmp_path, redis_url, 1, ROOMS_PER_CONNECTION="5") as (running,):
        ada = await clients(running, "ada")
        answers = await asyncio.gather(*(ada.call("room:join", {"room": f"public:{n}"}) for n in range(12)))

        reasons = [answer["error"]["reason"] for answer in answers if not answer["ok"]]
        assert reasons == ["too_many_rooms"] * 7
        joined = next(answer["room"] for answer in answers if answer["ok"])
        await ada.join(joined)
        await ada.ok("room:leave", {"room": joined})
        await ada.join("public:another")
