"""Texts without visible characters, bidirectional controls in names and notes, and emoji with two forms."""

from __future__ import annotations

from uuid import uuid4

import pytest

from roomcast.contract.backend import connect
from roomcast.contract.errors import Code, RoomcastError
from tests.gateways import Client, Clients, Gateway, unique
from tests.waiting import until

Pair = list[Gateway]
# texts without a visible character
BLANKS = ["\u200b", "   ", "\n\n", "\u3000\u200d", "\u2800", "\ufeff \u00ad", "\t"]


async def test_blank_texts_are_refused_on_the_general_path_and_on_the_fast_path(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    await ada.join(room)
    for _ in range(2):
        for text in BLANKS:
            message = {"room": room, "id": uuid4().hex, "text": text}
            assert await ada.refused("message:send", message) == "bad_request", ascii(text)
        first = await ada.send(room, "a text, after which plain texts take the fast path")

    edit = {"room": room, "id": "e", "target": first["seq"], "text": "\u200b"}
    assert await ada.refused("message:edit", edit) == "bad_request"
    for text in ("あ", " a", "\u200bא", "é", "👍", "\\n", '"'):
        await ada.send(room, text)
    await ada.expect_text('"')
    assert ada.texts(room)[-7:] == ["あ", " a", "\u200bא", "é", "👍", "\\n", '"']


async def test_two_forms_of_an_emoji_are_one_reaction(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    for client in (ada, bob):
        await client.join(room)
    target = (await ada.send(room, "hello"))["seq"]
    for client, emoji, on in ((ada, "❤", True), (bob, "❤\ufe0f", True), (bob, "❤\ufe0e", False)):
        reaction = {"room": room, "id": uuid4().hex, "target": target, "emoji": emoji, "on": on}
        await client.ok("message:react", reaction)

    await ada.expect("message", lambda m: m["seq"] == target + 3)
    assert [m["emoji"] for m in ada.seen("message", lambda m: m["kind"] == "reaction")] == ["❤"] * 3
    for emoji in ("\ufe0f", " ", "\u200d", "\u202e", "\u2066\u2069", "\n"):
        reaction = {"room": room, "id": uuid4().hex, "target": target, "emoji": emoji, "on": True}
        assert await ada.refused("message:react", reaction) == "bad_request"


async def test_a_name_cannot_reverse_the_text_around_it(pair: Pair, clients: Clients, gateway_redis: str) -> None:
    ada = await clients(pair[0], unique("ada"), name="Ada\u202egnp.exe\n")
    nameless = await clients(pair[1], unique("bob"), name="\u202e\u200b")
    room, team = unique("public:talk"), unique("team")
    await ada.join(room)
    await nameless.send(room, "hello")
    async with connect(gateway_redis) as backend:
        await backend.publish(room, "shop", "paid", name="Sh\u202eop")
        await backend.create_room(team, ada.user, name="The\u2067 team")
        with pytest.raises(RoomcastError) as caught:
            await backend.publish(room, "shop", "\u200b")

    assert caught.value.code is Code.BAD_REQUEST
    assert ada.seen("ready")[0]["name"] == "Adagnp.exe"
    assert (await ada.expect("message", lambda m: m["user"] == "shop"))["name"] == "Shop"
    assert (await ada.expect("message", lambda m: m["user"] == nameless.user))["name"] == nameless.user
    rows = {row["room"]: row["name"] for row in (await ada.ok("room:list"))["rooms"]}
    assert rows[team] == "The team"


TURNING = "\u202eaway\u2069\n until\u200f 5"
"""A text with bidirectional controls."""
TURNED = "away until 5"
"""TURNING as gateways store it, without the controls."""


async def test_a_note_cannot_reverse_the_text_around_it(pair: Pair, clients: Clients) -> None:
    """Send notes with the connect and later. A note without visible characters counts as no note."""
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    await bob.ok("presence:watch", {"users": [ada.user]})
    said = await ada.ok("presence", {"status": "busy", "note": TURNING})
    assert said["note"] == TURNED

    def changes(client: Client) -> list[dict[str, str]]:
        return [row for event in client.seen("presence") for row in event["changes"]]

    await until(lambda: any(row.get("note") == TURNED for row in changes(bob)), "bob gets the note")
    carl = await clients(pair[1], unique("carl"), presence={"status": "online", "note": f"{TURNING} pm"})
    dora = await clients(pair[1], unique("dora"), presence={"status": "online", "note": "\u200b \u202e"})

    async def notes() -> dict[str, str | None]:
        answer = await bob.ok("presence:query", {"users": [carl.user, dora.user]})
        return {user: row.get("note") for user, row in answer["users"].items()}

    async def are_told() -> bool:
        return await notes() == {carl.user: f"{TURNED} pm", dora.user: None}

    await until(are_told, "bob sees the notes of both connects")
    for blank in BLANKS:
        assert (await ada.ok("presence", {"note": blank}))["note"] == "", ascii(blank)


async def test_a_reason_and_an_emoji_cannot_reverse_the_text_around_them(pair: Pair, clients: Clients) -> None:
    ada, operator = await clients(pair[0], unique("ada")), await clients(pair[0], unique("ops"), ops=True)
    room = unique("public:talk")
    for client in (ada, operator):
        await client.join(room)
    target = (await ada.send(room, "hello"))["seq"]
    for blank in BLANKS:
        report = {"room": room, "target": target, "reason": blank}
        assert await ada.refused("message:report", report) == "bad_request", ascii(blank)
    made = await ada.ok("message:report", {"room": room, "target": target, "reason": TURNING})
    found = {row["id"]: row["reason"] for row in (await operator.ok("report:list", {"room": room}))["reports"]}
    assert found[made["id"]] == TURNED

    reaction = {"room": room, "id": uuid4().hex, "target": target, "emoji": "\u202e👍\u2066", "on": True}
    await ada.ok("message:react", reaction)
    assert (await operator.expect("message", lambda m: m["kind"] == "reaction"))["emoji"] == "👍"


async def test_a_room_whose_name_has_no_visible_character_is_shown_by_its_id(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    for name, shown in (("\u202eThe\u2069 team\n", "The team"), ("\u200b\u2066", None)):
        room = unique("team")
        made = await ada.ok("room:create", {"room": room, "kind": "private", "name": name})
        assert made["name"] == (shown or room)
        rows = {row["room"]: row["name"] for row in (await ada.ok("room:list"))["rooms"]}
        assert rows[room] == (shown or room)
