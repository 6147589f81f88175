"""Small requests with large answers count by the size of the answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

import pytest

from roomcast.contract.events import MAX_LIST, MAX_MESSAGE_BYTES
from roomcast.gateway.sign_in.event_limit import BYTES_PER_EVENT, ROWS_PER_EVENT
from roomcast.gateway.stores.moderation import REPORTS_PER_DAY
from tests import gateways, servers
from tests.gateways import Client, Clients, Gateway, Json, unique

EVENTS_AT_ONCE = 200
"""The events that a connection may send in four seconds."""


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with servers.redis_server(tmp_path_factory.mktemp("redis")) as port:
        folder = tmp_path_factory.mktemp("gateway")
        with gateways.gateway(folder, f"redis://127.0.0.1:{port}/0") as running:
            yield running


async def ask(client: Client, event: str, payload: Json, count: int) -> Counter[str]:
    """Send `count` requests at once; return the number of each outcome."""
    answers = await asyncio.gather(*(client.call(event, payload) for _ in range(count)))
    return Counter("ok" if answer["ok"] else str(answer["error"]["reason"]) for answer in answers)


async def fill(one: Gateway, clients: Clients, room: str) -> None:
    """Let several users write a page of the largest messages."""
    for _ in range(4):
        writer = await clients(one, unique("writer"))
        await writer.join(room, limit=1)
        for _ in range(25):
            await writer.send(room, "x" * MAX_MESSAGE_BYTES)


async def test_pages_of_large_messages_cost_events_by_their_size(one: Gateway, clients: Clients) -> None:
    room = unique("public:large")
    await fill(one, clients, room)
    reader = await clients(one, unique("reader"))
    pages, cost = 0, MAX_LIST * MAX_MESSAGE_BYTES / BYTES_PER_EVENT
    while (await reader.call("message:history", {"room": room, "limit": MAX_LIST}))["ok"]:
        pages += 1
    assert EVENTS_AT_ONCE / cost - 1 <= pages <= 2 * EVENTS_AT_ONCE / cost
    refused = await reader.call("message:history", {"room": room})
    assert refused["error"]["retry_after"] > 0
    other = await clients(one, unique("other"))
    assert len((await other.ok("message:history", {"room": room}))["messages"]) == 50


async def test_a_replay_of_large_messages_is_complete_and_costs_events(one: Gateway, clients: Clients) -> None:
    room = unique("public:large")
    await fill(one, clients, room)
    reader = await clients(one, unique("reader"))
    first = await reader.join(room, limit=1)
    await reader.ok("room:leave", {"room": room})
    await reader.join(room, since={"seq": 0, "epoch": first["epoch"]}, replay=True)
    await reader.expect("message", lambda message: message["seq"] == first["seq"], 10.0)
    assert [message["seq"] for message in reader.seen("message")] == list(range(1, first["seq"] + 1))


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("presence:query", {"users": [f"user{n}" for n in range(MAX_LIST)]}),
        ("user:profiles", {"users": [f"user{n}" for n in range(MAX_LIST)]}),
        ("room:list", {"limit": MAX_LIST}),
    ],
)
async def test_long_lists_cost_more_than_short_ones(one: Gateway, clients: Clients, event: str, payload: Json) -> None:
    asker = await clients(one, unique("asker"))
    for number in range(MAX_LIST if event == "room:list" else 0):
        await asker.join(f"public:list-{number}")
        await asyncio.sleep(0.01)
    outcomes = await ask(asker, event, payload, 100)
    assert 0 < outcomes["ok"] < 2 * EVENTS_AT_ONCE / (MAX_LIST / ROWS_PER_EVENT)
    assert outcomes["ok"] + outcomes["rate_limited"] == 100


async def test_one_user_cannot_displace_the_reports_of_others(one: Gateway, clients: Clients) -> None:
    room = unique("public:talk")
    ada, mallory = await clients(one, unique("ada")), await clients(one, unique("mallory"))
    await ada.join(room)
    sent = await ada.send(room, "hello")
    report = {"room": room, "target": sent["seq"], "reason": "spam"}
    for _ in range(REPORTS_PER_DAY):
        await mallory.ok("message:report", report)
    assert await mallory.refused("message:report", report) == "rate_limited"
    await ada.ok("message:report", report)


async def test_a_blocked_user_cannot_send_text_by_invitations(one: Gateway, clients: Clients) -> None:
    ada, mallory = await clients(one, unique("ada")), await clients(one, unique("mallory"))
    room = unique("team")
    await mallory.ok("room:create", {"room": room, "kind": "private", "name": "You are a fool"})
    await ada.ok("user:block", {"user": mallory.user, "on": True})
    assert await mallory.refused("room:invite", {"room": room, "user": ada.user}) == "forbidden"
    assert ada.seen("room") == []
    await ada.ok("user:block", {"user": mallory.user, "on": False})
    await mallory.invite(room, ada.user)


@pytest.mark.parametrize("kind", ["private", "public"])
async def test_a_blocked_user_cannot_send_text_by_sanctions(one: Gateway, clients: Clients, kind: str) -> None:
    """The room's id could carry a message."""
    ada, mallory = await clients(one, unique("ada")), await clients(one, unique("mallory"))
    room = unique("you-are-a-fool")
    await mallory.ok("room:create", {"room": room, "kind": kind})
    sanction = {"room": room, "user": ada.user, "kind": "mute"}
    await ada.ok("user:block", {"user": mallory.user, "on": True})
    for on in (True, False):
        await mallory.ok("room:sanction", {**sanction, "on": on})
    await ada.ok("presence:query", {"users": []})
    assert ada.seen("room") == []
    await ada.ok("user:block", {"user": mallory.user, "on": False})
    await mallory.ok("room:sanction", {**sanction, "on": True})
    await ada.expect("room", lambda change: change["change"] == "muted")


async def test_profiles_and_searches_cost_events_by_their_size(one: Gateway, clients: Clients) -> None:
    """A profile holds up to 4 kB: a page of profiles costs as much as a page of messages of that size."""
    name = unique("large")
    people = [await clients(one, unique("large"), data={"x": "y" * 4_000}, name=f"{name} {n}") for n in range(20)]
    users = [person.user for person in people]
    for event, payload in (
        ("user:profiles", {"users": users}),
        ("user:search", {"name": name, "limit": MAX_LIST}),
    ):
        asker, outcomes = await clients(one, unique("asker")), Counter[str]()
        while not outcomes["rate_limited"]:
            outcomes += await ask(asker, event, payload, 4)  # all at once would be more than may wait for a client
        assert 0 < outcomes["ok"] < EVENTS_AT_ONCE


@pytest.mark.parametrize("number", ["99999999999999999999-1", "1-99999999999999999999"])
async def test_report_ids_outside_redis_s_range_are_refused(one: Gateway, clients: Clients, number: str) -> None:
    ops = await clients(one, unique("ops"), ops=True)
    assert await ops.refused("report:list", {"after": number}) == "bad_request"
    assert await ops.refused("report:resolve", {"id": number}) == "bad_request"
    assert await ops.refused("report:resolve", {"id": "999999999999999-9999999999999999999"}) == "not_found"
