"""Attacks with reports, invitations and sanctions: to stop the reports of other users, or to send unwanted texts."""

from __future__ import annotations

import pytest

from roomcast.gateway.stores.moderation import REPORTS_PER_DAY
from tests.gateways import Clients, Gateway, unique


async def test_the_daily_limit_of_reports_applies_to_each_user_separately(gateway: Gateway, clients: Clients) -> None:
    room = unique("public:talk")
    ada, mallory = await clients(gateway, unique("ada")), await clients(gateway, unique("mallory"))
    await ada.join(room)
    sent = await ada.send(room, "hello")
    report = {"room": room, "target": sent["seq"], "reason": "spam"}
    for _ in range(REPORTS_PER_DAY):
        await mallory.ok("message:report", report)
    assert await mallory.refused("message:report", report) == "rate_limited"
    await ada.ok("message:report", report)


async def test_a_blocked_user_cannot_send_text_by_invitations(gateway: Gateway, clients: Clients) -> None:
    ada, mallory = await clients(gateway, unique("ada")), await clients(gateway, unique("mallory"))
    room = unique("team")
    await mallory.ok("room:create", {"room": room, "kind": "private", "name": "You are a fool"})
    await ada.ok("user:block", {"user": mallory.user, "on": True})
    assert await mallory.refused("room:invite", {"room": room, "user": ada.user}) == "forbidden"
    await ada.ok("user:block", {"user": mallory.user, "on": False})
    await mallory.invite(room, ada.user)
    await ada.expect("room", lambda change: change["change"] == "invited")
    assert len(ada.seen("room")) == 1


@pytest.mark.parametrize("kind", ["private", "public"])
async def test_a_blocked_user_cannot_send_text_by_sanctions(gateway: Gateway, clients: Clients, kind: str) -> None:
    """Otherwise the blocked user could write a text into the room's id, which the sanction sends to Ada."""
    ada, mallory = await clients(gateway, unique("ada")), await clients(gateway, unique("mallory"))
    room = unique("you-are-a-fool")
    await mallory.ok("room:create", {"room": room, "kind": kind})
    sanction = {"room": room, "user": ada.user, "kind": "mute"}
    await ada.ok("user:block", {"user": mallory.user, "on": True})
    for on in (True, False):
        await mallory.ok("room:sanction", {**sanction, "on": on})
    await ada.ok("user:block", {"user": mallory.user, "on": False})
    await mallory.ok("room:sanction", {**sanction, "on": True})
    await ada.expect("room", lambda change: change["change"] == "muted")
    assert len(ada.seen("room")) == 1


@pytest.mark.parametrize("number", ["99999999999999999999-1", "1-99999999999999999999"])
async def test_a_report_id_outside_the_range_of_redis_stream_ids_is_refused(
    gateway: Gateway, clients: Clients, number: str
) -> None:
    ops = await clients(gateway, unique("ops"), ops=True)
    assert await ops.refused("report:list", {"after": number}) == "bad_request"
    assert await ops.refused("report:resolve", {"id": number}) == "bad_request"
    assert await ops.refused("report:resolve", {"id": "999999999999999-9999999999999999999"}) == "not_found"
