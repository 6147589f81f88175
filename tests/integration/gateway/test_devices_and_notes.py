"""Devices in presence, for watchers that request them, and notes with an end: two gateways and a sweeper."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from roomcast.contract.backend import Device, connect
from roomcast.contract.limits import MAX_NOTE_SECONDS
from roomcast.presence.expiry import Windows
from roomcast.presence.metrics import Metrics
from roomcast.presence.store import PresenceStore
from roomcast.presence.store import connect as connect_sweeper
from roomcast.presence.sweeper import Sweeper
from tests.gateways import Client, Clients, Gateway, Json, raw, token, unique
from tests.integration.gateway.test_sign_in import refusal
from tests.waiting import until

Pair = list[Gateway]
SWEEP_SECONDS = 15.0
"""Time limit for the announcement of a note's end, in seconds. The note lasts five seconds; the machine may be busy."""
WEB, MOBILE = {"kind": "web", "status": "online"}, {"kind": "mobile", "status": "away"}


@pytest.fixture
async def sweeper(gateway_redis: str) -> AsyncIterator[None]:
    """Run a sweeper with the durations of production."""
    windows, client = Windows(), connect_sweeper(gateway_redis)
    store = PresenceStore(client, windows)
    running = Sweeper(store, windows, Metrics(), token="tests", clock=time.monotonic, chance=random.random)
    task = asyncio.get_running_loop().create_task(running.run())
    yield
    running.stop()
    await asyncio.wait_for(task, SWEEP_SECONDS)
    await store.close()


async def rows_of(client: Client, user: str, **more: Any) -> Json:
    row: Json = (await client.ok("presence:query", {"users": [user], **more}))["users"][user]
    return row


def told(client: Client, user: str) -> list[Json]:
    """Return each presence change of the user that the client has received."""
    return [row for event in client.seen("presence") for row in event["changes"] if row["user"] == user]


async def expect_row(client: Client, user: str, **wanted: Any) -> Json:
    """Wait for a presence change of the user with these fields. None means that the field is missing."""

    def matches(row: Json) -> bool:
        return row["user"] == user and all(row.get(name) == value for name, value in wanted.items())

    event = await client.expect("presence", lambda e: any(map(matches, e["changes"])), SWEEP_SECONDS)
    return next(filter(matches, event["changes"]))


async def now_ms(clients: Clients, gateway: Gateway) -> int:
    probe = Client(unique("clock"))
    clients.all.append(probe)
    time: int = (await probe.connect(gateway.url))["server_time"]
    return time


async def test_a_watcher_that_requests_devices_gets_the_devices_of_all_gateways(
    pair: Pair, clients: Clients, gateway_redis: str
) -> None:
    user = unique("ada")
    plain, curious = await clients(pair[1], unique("bob")), await clients(pair[1], unique("cy"))
    await clients(pair[0], user, presence={"kind": "web", "status": "online"})
    await plain.ok("presence:watch", {"users": [user]})
    await curious.ok("presence:watch", {"users": [user], "devices": True})
    await until(lambda: _is(curious, user, "online"), "online")
    plain.events.clear()

    phone = await clients(pair[1], user, presence={"kind": "mobile", "status": "away", "note": "on the train"})
    row = await expect_row(curious, user, devices=[WEB, MOBILE])
    assert row["status"] == "online"
    assert (await rows_of(plain, user, devices=True))["devices"] == [WEB, MOBILE]
    assert "devices" not in await rows_of(plain, user)
    async with connect(gateway_redis) as backend:
        found = await backend.presence([user], devices=True)
        assert found[user].devices == (Device("web", "online"), Device("mobile", "away"))

    await phone.ok("presence", {"status": "busy"})
    await expect_row(curious, user, devices=[WEB, {"kind": "mobile", "status": "busy"}])
    await phone.close()
    await expect_row(curious, user, devices=[WEB])
    assert told(plain, user) == []


async def test_presence_changes_arrive_sooner_than_once_a_second(pair: Pair, clients: Clients) -> None:
    user, watcher = unique("ada"), await clients(pair[1], unique("bob"))
    ada = await clients(pair[0], user)
    await watcher.ok("presence:watch", {"users": [user]})
    started = time.monotonic()
    for number in range(12):
        await ada.ok("presence", {"note": f"step {number}"})
        await expect_row(watcher, user, note=f"step {number}")
    assert time.monotonic() - started < 9, "the changes arrived once a second"


async def test_many_presence_changes_at_once_are_merged_into_fewer_events(pair: Pair, clients: Clients) -> None:
    user, watcher = unique("ada"), await clients(pair[1], unique("bob"))
    ada = await clients(pair[0], user)
    await watcher.ok("presence:watch", {"users": [user]})
    for number in range(100):
        await ada.io.emit("presence", {"note": f"step {number}"})
    await expect_row(watcher, user, note="step 99")
    notes = [row["note"] for row in told(watcher, user) if "note" in row]
    assert notes == sorted(notes, key=lambda note: int(note.split()[1]))
    assert len(notes) < 100


async def test_an_invisible_user_shows_no_device(pair: Pair, clients: Clients) -> None:
    user, watcher = unique("ada"), await clients(pair[1], unique("bob"))
    first = await clients(pair[0], user, presence={"kind": "web"})
    await watcher.ok("presence:watch", {"users": [user], "devices": True})
    await until(lambda: _is(watcher, user, "online"), "online")
    await first.ok("presence", {"status": "invisible"})
    gone = await expect_row(watcher, user, status="offline")
    assert gone["devices"] == []
    watcher.events.clear()

    other = await clients(pair[1], user, presence={"kind": "mobile", "status": "busy", "note": "psst"})
    await other.ok("presence", {"status": "away"})
    await other.close()
    seen = await rows_of(watcher, user, devices=True)
    assert (seen["status"], seen["devices"], "note" in seen) == ("offline", [], False)
    marker = unique("marker")
    await watcher.ok("presence:watch", {"users": [marker]})
    await clients(pair[0], marker)
    await expect_row(watcher, marker)
    assert told(watcher, user) == []


async def test_a_block_hides_two_users_from_each_other(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    for watcher, other in ((ada, bob), (bob, ada)):
        await watcher.ok("presence:watch", {"users": [other.user], "devices": True})
        await until(partial(_is, watcher, other.user, "online"), "online")
    unseen = {"status": "offline", "last_seen": 0, "devices": []}

    await ada.ok("user:block", {"user": bob.user, "on": True})
    for watcher, other in ((ada, bob), (bob, ada)):
        assert await expect_row(watcher, other.user, status="offline", last_seen=0) == {"user": other.user, **unseen}
        assert await rows_of(watcher, other.user, devices=True) == unseen
        watcher.events.clear()
    await ada.ok("presence", {"status": "busy"})
    await bob.ok("presence", {"status": "busy"})
    cy = await clients(pair[0], unique("cy"))
    for watcher in (ada, bob):
        await watcher.ok("presence:watch", {"users": [cy.user]})
    await cy.ok("presence", {"status": "away"})
    for watcher, other in ((ada, bob), (bob, ada)):
        await expect_row(watcher, cy.user, status="away")
        assert told(watcher, other.user) == []


@pytest.mark.usefixtures("sweeper")
async def test_a_note_ends_for_watchers_and_for_later_connections(pair: Pair, clients: Clients) -> None:
    user, watcher = unique("ada"), await clients(pair[1], unique("bob"))
    ada = await clients(pair[0], user)
    await watcher.ok("presence:watch", {"users": [user]})
    end = await now_ms(clients, pair[0]) + 5_000
    answer = await ada.ok("presence", {"status": "busy", "note": "at lunch", "until": end})
    assert (answer["status"], answer["note"], answer["until"]) == ("busy", "at lunch", end)
    row = await expect_row(watcher, user, note="at lunch")
    assert (row["status"], row["until"]) == ("busy", end)
    await ada.cut()
    back = await clients(pair[1], user)
    answer = await back.ok("presence")
    assert (answer["status"], answer["note"], answer["until"]) == ("busy", "at lunch", end)
    watcher.events.clear()

    assert await expect_row(watcher, user, status="busy", note=None, until=None)
    assert await now_ms(clients, pair[0]) >= end
    answer = await back.ok("presence")
    assert (answer["status"], answer["note"], "until" in answer) == ("busy", "", False)
    assert "note" not in await rows_of(watcher, user)
    again = await clients(pair[0], user)
    answer = await again.ok("presence")
    assert (answer["status"], answer["note"]) == ("busy", "")


async def test_a_connect_with_a_note_that_has_ended_is_accepted_without_the_note(pair: Pair, clients: Clients) -> None:
    user, bob = unique("ada"), await clients(pair[1], unique("bob"))
    ada = await clients(pair[0], user, presence={"status": "busy", "note": "at lunch", "until": 1_700_000_000_000})
    answer = await ada.ok("presence")
    assert (answer["status"], answer["note"]) == ("busy", "")
    await until(lambda: _is(bob, user, "busy"), "busy")
    assert "note" not in await rows_of(bob, user)


BAD_UNTIL: list[str] = [
    "1700000000",  # in seconds instead of milliseconds
    "1700000000000",  # in the past
    "0",
    "-1",
    "true",
    "1.5",
    '"2000000000000"',
    'null,"note":7',
    "[]",
    "9007199254740993",
    str(10**30),
    "1e400",
    "NaN",
]
BAD_KIND: list[Any] = [
    "",
    "Web",
    "-web",
    "a b",
    "x" * 17,
    "w\u00e9b",
    "web\n",
    7,
    True,
    ["web"],
    {"kind": "web"},
    "\ud83d",
]


async def test_a_note_with_a_bad_end_is_refused_with_a_code(pair: Pair, clients: Clients) -> None:
    too_far = await now_ms(clients, pair[0]) + MAX_NOTE_SECONDS * 1_000 + 600_000
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("mallory"))
        for number, value in enumerate([*BAD_UNTIL, str(too_far)], start=1):
            await socket.send(f'42{number}["presence",{{"status":"busy","note":"x","until":{value}}}]')
            answer = await socket.ack(number)
            assert (answer["ok"], answer.get("error", {}).get("reason")) == (False, "bad_request"), value
        for number, payload in ((90, {"until": too_far - 700_000}), (91, {"note": "", "until": too_far - 700_000})):
            await socket.send(f"42{number}" + json.dumps(["presence", payload]))
            assert (await socket.ack(number))["error"]["reason"] == "bad_request"
        await socket.send('4299["presence",{}]')
        answer = await socket.ack(99)
        assert (answer["status"], answer["note"]) == ("online", "")


@pytest.mark.parametrize("kind", BAD_KIND)
async def test_a_bad_kind_refuses_the_connect_with_a_code(pair: Pair, kind: Any) -> None:
    told_, *_ = await refusal(pair[0], {"token": token(unique("ada")), "kind": kind})
    assert told_["data"]["reason"] == "bad_request"


@pytest.mark.parametrize("devices", [1, "true", None, [], {}])
async def test_a_bad_value_of_devices_is_refused(pair: Pair, clients: Clients, devices: Any) -> None:
    mallory = await clients(pair[0], unique("mallory"))
    for event in ("presence:query", "presence:watch"):
        assert await mallory.refused(event, {"users": ["ada"], "devices": devices}) == "bad_request"


async def _is(client: Client, user: str, status: str) -> bool:
    return bool((await rows_of(client, user))["status"] == status)
