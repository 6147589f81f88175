"""Small requests with large answers: each counts as several events, according to the size of its answer."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from roomcast.contract import backend
from roomcast.contract.limits import MAX_LIST, MAX_MESSAGE_BYTES, MAX_PAGE_BYTES
from roomcast.gateway.sign_in.event_limit import BYTES_PER_EVENT, ROWS_PER_EVENT
from tests.gateways import Client, Clients, Gateway, Json, unique

EVENTS_AT_ONCE = 200
"""Events that a user may send at once: the burst is four seconds of the rate of 50 events a second."""


async def ask(client: Client, event: str, payload: Json, count: int) -> Counter[str]:
    """Send `count` requests at once; return how many had each outcome (`ok`, or the reason of the error)."""
    answers = await asyncio.gather(*(client.call(event, payload) for _ in range(count)))
    return Counter("ok" if answer["ok"] else str(answer["error"]["reason"]) for answer in answers)


async def fill(gateway: Gateway, clients: Clients, room: str) -> None:
    """Let four users write a page of messages of the maximum size."""
    for _ in range(4):
        writer = await clients(gateway, unique("writer"))
        await writer.join(room, limit=1)
        for _ in range(25):
            await writer.send(room, "x" * MAX_MESSAGE_BYTES)


async def test_a_page_of_large_messages_counts_as_several_events(gateway: Gateway, clients: Clients) -> None:
    room = unique("public:large")
    await fill(gateway, clients, room)
    reader = await clients(gateway, unique("reader"))
    pages, cost = 0, MAX_PAGE_BYTES / BYTES_PER_EVENT
    while (await reader.call("message:history", {"room": room, "limit": MAX_LIST}))["ok"]:
        pages += 1
    assert EVENTS_AT_ONCE / cost - 1 <= pages <= 2 * EVENTS_AT_ONCE / cost
    refused = await reader.call("message:history", {"room": room})
    assert refused["error"]["retry_after"] > 0
    other = await clients(gateway, unique("other"))
    assert len((await other.ok("message:history", {"room": room}))["messages"]) == 50


async def test_a_replay_of_large_messages_is_complete(gateway: Gateway, clients: Clients) -> None:
    room = unique("public:large")
    await fill(gateway, clients, room)
    reader = await clients(gateway, unique("reader"))
    first = await reader.join(room, limit=1)
    await reader.ok("room:leave", {"room": room})
    await reader.join(room, since={"seq": 0, "epoch": first["epoch"]}, replay=True)
    await reader.expect("message", lambda message: message["seq"] == first["seq"], 10.0)
    assert [message["seq"] for message in reader.seen("message")] == list(range(1, first["seq"] + 1))


async def test_a_page_of_long_json_has_at_most_a_megabyte(gateway: Gateway, clients: Clients) -> None:
    """A control character takes six bytes as JSON. Otherwise a page would be a packet of ten megabytes."""
    mallory = await clients(gateway, unique("mallory"))
    rooms = [unique(f"public:{number:02}") for number in range(12)]
    for room in rooms:
        await mallory.join(room)
    for _ in range(12):
        await mallory.send(rooms[0], "x" + "\x01" * (MAX_MESSAGE_BYTES - 200))
    for room in rooms[1:]:
        await mallory.send(room, "x" + "\x01" * (MAX_MESSAGE_BYTES - 200))

    page = await mallory.ok("message:history", {"room": rooms[0], "limit": MAX_LIST})
    assert [message["seq"] for message in page["messages"]] == list(range(3, 13))
    older = await mallory.ok("message:history", {"room": rooms[0], "before": 3})
    assert ([message["seq"] for message in older["messages"]], page["more"], older["more"]) == ([1, 2], True, False)
    joined = await mallory.join(rooms[0], since={"seq": 0, "epoch": page["epoch"]}, limit=MAX_LIST)
    assert [message["seq"] for message in joined["messages"]] == list(range(1, 11))
    assert (joined["recovered"], joined["more"]) == (True, True)

    listed = await mallory.ok("room:list", {"limit": MAX_LIST})
    assert (listed["more"], listed["after"], len(listed["rooms"])) == (True, rooms[9], 10)
    rest = await mallory.ok("room:list", {"limit": MAX_LIST, "after": listed["after"]})
    assert [row["room"] for row in (*listed["rooms"], *rest["rooms"])] == rooms


async def test_a_page_of_reports_of_long_json_has_at_most_a_megabyte(
    gateway: Gateway, clients: Clients, own_redis: str
) -> None:
    mallory, room = await clients(gateway, unique("mallory")), unique("public:long")
    ops = await clients(gateway, unique("ops"), ops=True)
    await mallory.join(room)
    sent = await mallory.send(room, "short")
    start = (await mallory.ok("message:report", {"room": room, "target": sent["seq"], "reason": "first"}))["id"]
    sent = await mallory.send(room, "x" + "\x01" * (MAX_MESSAGE_BYTES - 200))
    report = {"room": room, "target": sent["seq"], "reason": "long"}
    numbers = [(await mallory.ok("message:report", report))["id"] for _ in range(12)]

    for scope in ({}, {"room": room}):
        pages = [await ops.ok("report:list", {**scope, "after": after}) for after in (start, numbers[9])]
        assert [[each["id"] for each in page["reports"]] for page in pages] == [numbers[:10], numbers[10:]]
        assert [page["more"] for page in pages] == [True, False]
    exact = await ops.ok("report:list", {"after": numbers[9], "limit": 2})
    assert (len(exact["reports"]), exact["more"]) == (2, False)
    async with backend.connect(own_redis) as client:
        found = [await client.reports(after=after) for after in (start, numbers[9], numbers[11])]
    assert [[each["id"] for each in page] for page in found] == [numbers[:10], numbers[10:], []]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("presence:query", {"users": [f"user{n}" for n in range(MAX_LIST)]}),
        ("user:profiles", {"users": [f"user{n}" for n in range(MAX_LIST)]}),
        ("room:list", {"limit": MAX_LIST}),
    ],
)
async def test_a_long_list_counts_as_several_events(
    gateway: Gateway, clients: Clients, event: str, payload: Json
) -> None:
    asker = await clients(gateway, unique("asker"))
    for number in range(MAX_LIST if event == "room:list" else 0):
        await asker.join(f"public:list-{number}")
        await asyncio.sleep(0.01)
    outcomes = await ask(asker, event, payload, 100)
    assert 0 < outcomes["ok"] < 2 * EVENTS_AT_ONCE / (MAX_LIST / ROWS_PER_EVENT)
    assert outcomes["ok"] + outcomes["rate_limited"] == 100


async def test_a_page_of_large_profiles_counts_as_several_events(gateway: Gateway, clients: Clients) -> None:
    """A profile may have 4 kB, so a page of profiles counts as much as a page of messages of 4 kB."""
    name = unique("large")
    people = [await clients(gateway, unique("large"), data={"x": "y" * 4_000}, name=f"{name} {n}") for n in range(20)]
    users = [person.user for person in people]
    for event, payload in (
        ("user:profiles", {"users": users}),
        ("user:search", {"name": name, "limit": MAX_LIST}),
    ):
        asker, outcomes = await clients(gateway, unique("asker")), Counter[str]()
        while not outcomes["rate_limited"]:
            outcomes += await ask(
                asker, event, payload, 4
            )  # more answers at once would exceed the client's write buffer
        assert 0 < outcomes["ok"] < EVENTS_AT_ONCE
