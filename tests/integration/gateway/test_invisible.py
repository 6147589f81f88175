"""Invisible users look offline: over slow connections, after reconnects and reloads, and with several devices."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from roomcast.contract.ids import direct_room
from tests.gateways import Client, Clients, Gateway, token, unique
from tests.integration.gateway.test_sign_in import refusal
from tests.proxy import slow_proxy
from tests.waiting import until

Pair = list[Gateway]
LINE_SECONDS = 0.2
"""Delay in one direction, in seconds. A `presence` event sent after the connect arrives two such delays later."""


async def row_of(client: Client, user: str) -> dict[str, Any]:
    row: dict[str, Any] = (await client.ok("presence:query", {"users": [user]}))["users"][user]
    return row


async def expect_status(client: Client, user: str, status: str) -> dict[str, Any]:
    async def shown() -> dict[str, Any] | None:
        row = await row_of(client, user)
        return row if row["status"] == status else None

    row: dict[str, Any] = await until(shown, f"{user} is {status}")
    return row


def seen_of(watcher: Client, user: str) -> list[str]:
    """Return each received status of the user, and the user's id for each event that says `entered`."""
    statuses = [row["status"] for event in watcher.seen("presence") for row in event["changes"] if row["user"] == user]
    entered = [row["user"] for event in watcher.seen("room") for row in event.get("entered", []) if row["user"] == user]
    return statuses + entered


async def watcher_of(clients: Clients, gateway: Gateway, user: str, room: str) -> Client:
    watcher = await clients(gateway, unique("bob"))
    await watcher.join(room)
    await watcher.ok("presence:watch", {"users": [user]})
    return watcher


async def finish(pair: Pair, clients: Clients, watcher: Client, room: str) -> None:
    """Wait until all earlier changes have been delivered: the changes of a new user on each gateway come after them."""
    for running in pair:
        marker = unique("marker")
        await watcher.ok("presence:watch", {"users": [marker]})
        last = await clients(running, marker)
        await last.join(room)
        await watcher.expect("presence", partial(_shows, "changes", marker))
        await watcher.expect("room", partial(_shows, "entered", marker))
    await watcher.send(room, "done")
    await watcher.expect_text("done")


def _shows(rows: str, user: str, event: dict[str, Any]) -> bool:
    return any(row["user"] == user for row in event.get(rows, []))


async def test_reconnects_over_a_slow_connection_do_not_show_an_invisible_user(pair: Pair, clients: Clients) -> None:
    user, room = unique("ada"), unique("public:talk")
    async with slow_proxy(pair[0].port, LINE_SECONDS) as line:
        bob = await watcher_of(clients, pair[1], user, room)
        first = await clients(pair[0], user)
        await bob.expect("presence", lambda e: any(row["user"] == user for row in e["changes"]))
        await first.ok("presence", {"status": "invisible"})
        await bob.expect("presence", lambda e: any(row["status"] == "offline" for row in e["changes"]))
        before = await expect_status(bob, user, "offline")
        bob.events.clear()
        await first.cut()
        for _ in range(5):
            ada = Client(user)
            clients.all.append(ada)
            await ada.connect(line.url)
            await ada.join(room)
            await ada.io.emit("typing", {"room": room, "typing": True})
            await ada.ok("presence")
            await ada.cut()
        await finish(pair, clients, bob, room)

    assert seen_of(bob, user) == []
    assert bob.seen("typing") == []
    assert await row_of(bob, user) == before


async def test_after_a_reload_the_user_is_still_invisible_and_the_client_gets_the_status(
    pair: Pair, clients: Clients
) -> None:
    user, room = unique("ada"), unique("public:talk")
    bob = await watcher_of(clients, pair[1], user, room)
    first = await clients(pair[0], user, presence={"status": "invisible"})
    await first.join(room)
    await first.close()

    second = await clients(pair[1], user)
    own = (await second.join(room))["members"][0]
    answer = await second.ok("presence")
    await finish(pair, clients, bob, room)

    assert (own["user"], own["status"]) == (user, "invisible")
    assert answer["status"] == "invisible"
    assert seen_of(bob, user) == []
    assert await row_of(bob, user) == {"status": "offline", "last_seen": 0}


async def test_a_status_can_be_sent_with_the_connect(pair: Pair, clients: Clients) -> None:
    user, room = unique("ada"), unique("public:talk")
    bob = await watcher_of(clients, pair[1], user, room)

    ada = await clients(pair[0], user, presence={"status": "busy", "note": "in a call"})
    await ada.join(room)

    row = await expect_status(bob, user, "busy")
    assert row["note"] == "in a call"
    await bob.expect("room", lambda e: (user, "busy") in [(r["user"], r["status"]) for r in e.get("entered", [])])
    await bob.expect("presence", partial(_shows, "changes", user))
    assert set(seen_of(bob, user)) == {"busy", user}


async def test_a_device_without_a_status_gets_the_status_that_the_user_last_chose(pair: Pair, clients: Clients) -> None:
    user, bob = unique("ada"), await clients(pair[1], unique("bob"))
    phone, laptop = await clients(pair[0], user), await clients(pair[1], user)
    await phone.ok("presence", {"status": "busy", "note": "in a call"})
    await expect_status(bob, user, "busy")
    await until(lambda: _has_status(laptop, "busy"), "the laptop has the status, too")
    await phone.close()
    await laptop.close()

    again = await clients(pair[1], user)
    row = await expect_status(bob, user, "busy")
    assert row["note"] == "in a call"
    await again.ok("presence", {"note": "at lunch"})
    assert (await again.ok("presence"))["status"] == "busy"
    await again.ok("presence", {"status": "away", "note": ""})
    await expect_status(bob, user, "away")
    await again.close()

    last = await clients(pair[0], user)
    await expect_status(bob, user, "busy")
    await last.ok("presence", {"status": "online", "note": ""})
    await expect_status(bob, user, "online")
    await last.close()
    await expect_status(bob, user, "offline")
    await clients(pair[0], user)
    assert "note" not in await expect_status(bob, user, "online")


async def _has_status(client: Client, status: str) -> bool:
    await asyncio.sleep(0.1)  # to stay within the rate limit
    return bool((await client.ok("presence"))["status"] == status)


async def test_a_second_device_that_connects_as_online_does_not_end_invisibility(pair: Pair, clients: Clients) -> None:
    user, bob = unique("ada"), await clients(pair[1], unique("bob"))
    phone = await clients(pair[0], user)
    await phone.ok("presence", {"status": "invisible"})
    laptop = await clients(pair[1], user, presence={"status": "online"})
    await expect_status(bob, user, "offline")
    await laptop.close()
    await phone.close()

    reloaded = await clients(pair[0], user)

    await until(lambda: _has_status(reloaded, "invisible"), "still invisible")
    assert (await row_of(bob, user))["status"] == "offline"


@pytest.mark.parametrize(
    ("presence", "reason"),
    [
        ({"status": "offline"}, "bad_request"),
        ({"status": 1}, "bad_request"),
        ({"status": "busy", "note": 5}, "bad_request"),
        ({"status": "busy", "note": "x" * 141}, "too_large"),
    ],
)
async def test_a_bad_status_refuses_the_connect_with_a_code(pair: Pair, presence: Any, reason: str) -> None:
    told = await refusal(pair[0], {"token": token(unique("ada")), **presence})

    assert (told[0]["message"], told[0]["data"]["reason"]) == (reason, reason)


async def test_a_block_by_an_invisible_user_sends_no_event_to_a_watcher(pair: Pair, clients: Clients) -> None:
    """The invisible user looks offline already, so an event would reveal that the user is connected."""
    ada = await clients(pair[0], unique("ada"), presence={"status": "invisible"})
    bob = await watcher_of(clients, pair[1], ada.user, room := unique("public:talk"))
    await ada.ok("user:block", {"user": bob.user, "on": True})
    await until(lambda: is_blocked(bob, ada.user), "the block is in force")
    await finish(pair, clients, bob, room)
    assert seen_of(bob, ada.user) == []


async def is_blocked(client: Client, user: str) -> bool:
    room = direct_room(client.user, user)
    answer = await client.call("message:send", {"room": room, "id": unique("id"), "text": "hello"})
    return bool(not answer["ok"])
