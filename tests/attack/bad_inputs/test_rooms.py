"""Attacks on other users' rooms with every event that names a room, and joins with invalid log positions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.attack.bad_inputs.targets import MARK, Target, message
from tests.gateways import Client, unique

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRANGER_EVENTS: dict[str, Any] = {
    "join": ("room:join", {}),
    "recovery": ("room:join", {"since": {"seq": 0, "epoch": "0123456789abcdef"}}),
    "replay": ("room:join", {"since": {"seq": 0, "epoch": "0123456789abcdef"}, "replay": True}),
    "members": ("room:members", {}),
    "invite": ("room:invite", {"user": "eve"}),
    "invite as admin": ("room:invite", {"user": "eve", "role": "admin"}),
    "remove": ("room:remove", {"user": "owner"}),
    "send": ("message:send", {"id": "an-id", "text": MARK}),
    "send an upload": ("message:send", {"id": "an-id", "upload": "A" * 22}),
    "edit": ("message:edit", {"id": "an-id", "target": 1, "text": MARK}),
    "delete": ("message:delete", {"id": "an-id", "target": 1}),
    "react": ("message:react", {"id": "an-id", "target": 1, "emoji": "x", "on": True}),
    "history": ("message:history", {}),
    "read mark": ("receipt:read", {"seq": 1}),
    "upload": ("media:sign", {"name": "a.png", "type": "image/png", "size": 10}),
}


async def private_room(owner: Client) -> str:
    """Create a private room with one message; return the room's id."""
    room = unique("team:deal")
    await owner.ok("room:create", {"room": room, "kind": "private", "name": MARK})
    await owner.join(room)
    await owner.send(room, f"{MARK} members only")
    return room


async def test_errors_do_not_reveal_a_private_room_to_a_stranger(target: Target) -> None:
    """Compare the answers about a private room with the answers about a room that does not exist."""
    owner, eve = await target.client(unique("owner")), await target.client("eve", create=[])
    room, nowhere = await private_room(owner), unique("team:deal")
    pair, other_pair = f"dm:{owner.user}:zoe", "dm:nobody:zoe"
    await owner.ok("message:send", message(pair))
    for kind, (name, payload) in STRANGER_EVENTS.items():
        for there, missing in ((room, nowhere), (pair, other_pair)):
            answers = [await eve.call(name, {"room": asked, **payload}) for asked in (there, missing)]
            assert answers[0] == answers[1], kind
            assert (answers[0]["ok"], answers[0]["error"]["reason"]) == (False, "forbidden"), kind
    await eve.io.emit("typing", {"room": room, "typing": True})
    await eve.call("room:leave", {"room": room})
    await eve.join(hall := unique("public:hall"))
    for asked in (room, hall):
        await owner.send(asked, f"{MARK} still here")
    await owner.expect_text(f"{MARK} still here")
    await eve.expect_text(f"{MARK} still here")
    assert [data for name, data in eve.events if name != "ready" and data.get("room") != hall] == []
    assert owner.seen("typing") == []
    assert not owner.seen("presence", lambda told: any(change["user"] == "eve" for change in told["changes"]))
    await owner.close()
    await eve.close()


@pytest.mark.parametrize("kind", ["private", "public"])
async def test_another_user_can_neither_create_an_existing_room_nor_delete_its_messages(
    target: Target, kind: str
) -> None:
    owner, mallory = await target.client(unique("owner")), await target.client(unique("mallory"))
    taken, used = await private_room(owner), unique("public:used")
    await owner.send(used, f"{MARK} used")
    for room in (taken, used, f"dm:{owner.user}:zoe"):
        assert await mallory.refused("room:create", {"room": room, "kind": kind}) in ("forbidden", "conflict")
    for room in (taken, used):
        assert await mallory.refused("message:delete", {"room": room, "id": "an-id", "target": 1}) == "forbidden"
    await owner.close()
    await mallory.close()


@pytest.mark.parametrize("seq", [-1, "$", "0-0", 2**53, 2**64, 1e300, -(2**70), "9" * 400])
async def test_a_join_since_an_invalid_seq_does_not_recover(target: Target, seq: Any) -> None:
    room = unique("public:log")
    client = await target.client(unique("reader"))
    first = await client.join(room)
    for number in range(3):
        await client.send(room, f"{MARK} {number}")
    answer = await client.call("room:join", {"room": room, "since": {"seq": seq, "epoch": first["epoch"]}, "limit": 1})
    if answer["ok"]:
        assert answer["recovered"] is False
        assert len(answer["messages"]) <= 1
    else:
        assert answer["error"]["reason"] == "bad_request"
    await client.close()


@pytest.mark.parametrize("epoch", ["", "0" * 16, "$", "é", "x" * 10_000, "{epoch}x"])
async def test_a_join_since_another_epoch_does_not_recover(target: Target, epoch: str) -> None:
    room = unique("public:log")
    client = await target.client(unique("reader"))
    first = await client.join(room)
    await client.send(room, f"{MARK} 1")
    since = {"seq": 0, "epoch": epoch.replace("{epoch}", first["epoch"])}
    answer = await client.call("room:join", {"room": room, "since": since})
    assert answer.get("recovered", False) is False
    await client.close()


async def test_a_message_with_a_url_or_media_of_the_client_is_refused(target: Target) -> None:
    room = unique("public:media")
    writer, reader = await target.client(unique("writer")), await target.client(unique("reader"))
    await reader.join(room)
    for url in ("http://169.254.169.254/latest", "javascript:alert(1)"):
        media = {"url": url, "type": "image/png", "name": url, "upload": "A" * 22, "thumbnail": url}
        for extra in ({"media": media}, {"url": url}, {"kind": "media", "media": media}, {"upload": url}):
            answer = await writer.call("message:send", message(room, **extra))
            assert answer["ok"] is False
    await writer.send(room, f"{MARK} last")
    await reader.expect_text(f"{MARK} last")
    told = str(reader.events)
    assert "169.254" not in told
    assert "javascript" not in told
    await writer.close()
    await reader.close()
