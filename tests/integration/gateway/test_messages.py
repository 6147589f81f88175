"""Messages through two real gateways: sending, order, repeats, limits, paging."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from roomcast.contract.ids import direct_room
from tests.gateways import Clients, Gateway, Raw, gateway, raw, unique

Pair = list[Gateway]


async def test_a_message_reaches_all_members_on_both_gateways_with_its_seq(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada"), name="Ada"), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await ada.join(room)
    joined = await bob.join(room)

    ack = await ada.send(room, "hello")

    heard = [await ada.expect_text("hello"), await bob.expect_text("hello")]
    assert heard[0] == heard[1]
    message = heard[0]
    assert (message["seq"], message["epoch"], message["time"]) == (ack["seq"], ack["epoch"], ack["time"])
    assert (message["user"], message["name"], message["kind"]) == (ada.user, "Ada", "text")
    assert message["epoch"] == joined["epoch"]
    assert ack["duplicate"] is False


async def test_a_repeated_id_gets_the_first_seq_and_is_not_delivered_twice(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    first = await ada.send(room, "once", "the-id")

    again = await ada.send(room, "once", "the-id")
    await ada.send(room, "after")
    await bob.expect_text("after")

    assert (again["seq"], again["time"], again["duplicate"]) == (first["seq"], first["time"], True)
    assert bob.texts(room) == ["once", "after"]


async def test_the_same_id_of_another_user_or_in_another_room_is_another_message(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room, other = unique("public:talk"), unique("public:talk")

    acks = [await ada.send(room, "a", "id"), await bob.send(room, "b", "id"), await ada.send(other, "c", "id")]

    assert [ack["duplicate"] for ack in acks] == [False] * 3
    assert [ack["seq"] for ack in acks] == [1, 2, 1]


async def test_a_resend_through_another_gateway_is_a_duplicate(pair: Pair, clients: Clients) -> None:
    user, room = unique("ada"), unique("public:talk")
    here, there = await clients(pair[0], user), await clients(pair[1], user)
    first = await here.send(room, "hello", "id-1")

    assert await there.send(room, "hello", "id-1") == {**first, "duplicate": True}


async def test_the_messages_of_one_client_keep_their_order(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await ada.join(room)
    await bob.join(room)
    texts = [f"text {n}" for n in range(100)]

    for text in texts:
        await ada.io.emit("message:send", {"room": room, "id": text.replace(" ", "-"), "text": text})

    await bob.expect_text(texts[-1])
    assert bob.texts(room) == texts


async def test_messages_of_two_senders_on_two_gateways_arrive_in_one_order(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await ada.join(room)
    await bob.join(room)

    acks = await asyncio.gather(*(who.send(room, f"{who.user} {n}") for n in range(40) for who in (ada, bob)))

    last = max(ack["seq"] for ack in acks)
    for who in (ada, bob):
        await who.expect("message", lambda m: m["room"] == room and m["seq"] == last)
    assert ada.seen("message") == bob.seen("message")
    assert [m["seq"] for m in ada.seen("message")] == list(range(1, 81))


async def test_messages_of_a_member_who_has_not_joined_keep_their_order(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("team")
    await ada.ok("room:create", {"room": room, "kind": "private"})
    await ada.invite(room, bob.user)
    await ada.join(room)

    for n in range(10):  # bob has not joined, so the gateway looks up his membership for each send
        await bob.io.emit("message:send", {"room": room, "id": f"id-{n}", "text": str(n)})

    await ada.expect_text("9")
    assert ada.texts(room) == [str(n) for n in range(10)]


async def test_a_text_of_more_than_16384_bytes_is_refused(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")

    for text in ("é" * 8193, "x" * 16_385, "x" * 50_000):
        assert await ada.refused("message:send", {"room": room, "id": uuid4().hex, "text": text}) == "too_large"
    assert (await ada.send(room, "é" * 8192))["seq"] == 1


async def test_a_message_needs_a_text_or_an_upload(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")

    for more in (
        {},
        {"text": ""},
        {"text": None},
        {"text": 7},
        {"upload": "x"},
        {"upload": 5},
        {"text": "a", "id": ""},
    ):
        payload = {"room": room, "id": "id", **more}
        assert await ada.refused("message:send", payload) == "bad_request", more
    assert await ada.refused("message:send", {"room": room, "id": "id", "upload": "A" * 22}) == "upload_expired"
    assert (await ada.join(room))["seq"] == 0


async def test_a_client_cannot_write_media_user_or_seq_into_a_message(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    await ada.join(room)
    forged = {"media": {"url": "javascript:1"}, "user": "root", "seq": 99, "kind": "system", "time": 1, "epoch": "x"}

    for name, value in forged.items():
        assert (
            await ada.refused("message:send", {"room": room, "id": "id", "text": "forged", name: value})
            == "bad_request"
        )
    await ada.send(room, "plain")

    message = await ada.expect_text("plain")
    assert (message["user"], message["seq"], message["kind"]) == (ada.user, 1, "text")


async def test_text_arrives_exactly_as_it_was_sent(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    text = 'quotes " \\ </script> \x00\x1f\x7f \u2028 🙂 \ufeff ،עב "],["x"] {"room":"y","seq":9}'

    await ada.send(room, text)

    assert (await bob.expect("message"))["text"] == text
    assert (await bob.ok("message:history", {"room": room}))["messages"][0]["text"] == text


async def test_history_pages_lead_back_to_the_first_message(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    room = unique("public:talk")
    for n in range(1, 8):
        await ada.send(room, str(n))

    pages: list[dict[str, Any]] = []
    before = None
    while not pages or pages[-1]["more"]:
        query = {"room": room, "limit": 3} | ({"before": before} if before else {})
        pages.append(await ada.ok("message:history", query))
        before = pages[-1]["messages"][0]["seq"]

    assert [[m["seq"] for m in page["messages"]] for page in pages] == [[5, 6, 7], [2, 3, 4], [1]]
    assert [page["more"] for page in pages] == [True, True, False]


async def test_history_accepts_a_position_outside_the_log_and_refuses_an_invalid_one(
    pair: Pair, clients: Clients
) -> None:
    ada = await clients(pair[0], unique("ada"))
    room, empty = unique("public:talk"), unique("public:talk")
    for n in range(1, 4):
        await ada.send(room, str(n))

    async def seqs(**query: int) -> tuple[list[int], bool]:
        page = await ada.ok("message:history", {"room": room, **query})
        return [m["seq"] for m in page["messages"]], page["more"]

    assert await seqs(before=1) == ([], False)
    assert await seqs(before=2**53) == ([1, 2, 3], False)
    assert await seqs(limit=3) == ([1, 2, 3], False)
    assert await seqs(limit=100, before=3) == ([1, 2], False)
    for bad in ({"before": 0}, {"before": -1}, {"before": 2**64}, {"limit": 0}, {"limit": 101}, {"before": "$"}):
        assert await ada.refused("message:history", {"room": room, **bad}) == "bad_request", bad
    page = await ada.ok("message:history", {"room": empty})
    assert (page["messages"], page["more"], page["seq"]) == ([], False, 0)


async def test_only_the_two_users_of_a_direct_room_may_enter_it(pair: Pair, clients: Clients) -> None:
    names = sorted(unique(name) for name in ("ada", "bob"))
    ada, bob = await clients(pair[0], names[0]), await clients(pair[1], names[1])
    eve = await clients(pair[0], unique("eve"))
    room = f"dm:{ada.user}:{bob.user}"
    await ada.join(room)
    await bob.join(room)

    await ada.send(room, "just us")

    await bob.expect_text("just us")
    unsorted, own = f"dm:{bob.user}:{ada.user}", f"dm:{eve.user}:{eve.user}"
    for wrong in (room, unsorted, f"dm:{eve.user}", f"dm:{eve.user}:", "dm:", f"dm:{ada.user}:{bob.user}:{eve.user}"):
        assert await eve.refused("room:join", {"room": wrong}) == "forbidden", wrong
    assert await ada.refused("room:join", {"room": unsorted}) == "forbidden"
    assert await ada.refused("room:create", {"room": room, "kind": "private"}) == "forbidden"
    await eve.join(own)


async def test_only_the_first_direct_message_announces_its_room_to_the_other_user(pair: Pair, clients: Clients) -> None:
    names = sorted(unique(name) for name in ("ada", "bob"))
    ada, bob = await clients(pair[0], names[0]), await clients(pair[1], names[1])
    room = f"dm:{ada.user}:{bob.user}"
    await ada.join(room)
    await ada.send(room, "are you there?")
    await ada.send(room, "hello?")
    told = await bob.expect("room", lambda event: event["room"] == room)
    assert (told["change"], told["by"]) == ("direct", ada.user)
    listed = {row["room"]: row["unread"] for row in (await bob.ok("room:list", {}))["rooms"]}
    assert listed[room] == 2
    carl = await clients(pair[0], unique("carl"))
    await carl.send(other := direct_room(carl.user, bob.user), "hello")
    await bob.expect("room", lambda event: event["room"] == other)
    assert len(bob.seen("room", lambda event: event["room"] == room)) == 1


async def test_packets_in_several_frames_are_handled_before_later_packets(pair: Pair) -> None:
    """A message in two frames takes the general path. A later message must not overtake it on the fast path."""
    room = unique("public:talk")
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("ada"))
        await _enter(socket, room)
        await socket.send_in_pieces(_packet(2, room, "first"), _packet(3, room, "second"))
        await socket.send(_packet(4, room, "third"))
        assert [(await socket.ack(number))["seq"] for number in (2, 3, 4)] == [2, 3, 4]


@pytest.mark.parametrize(
    "head",
    ["425", "42007", "42", "4212345678901234567", "42٣", "42/,5", "425 "],
    ids=["plain", "zeros", "no id", "too long", "other digits", "namespace", "blank"],
)
async def test_each_form_of_a_packet_is_acked_or_refused(pair: Pair, head: str) -> None:
    """The general path handles packets that do not suit the fast path. Only packets with an ack id get an ack."""
    room = unique("public:talk")
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("ada"))
        await _enter(socket, room)
        await socket.send(_packet(0, room, "hello").replace("420", head, 1))
        if head in ("425", "42007", "42/,5", "425 "):
            assert (await socket.ack(7 if head == "42007" else 5))["seq"] == 2
        elif head == "42":
            await socket.until(lambda frame: '"hello"' in frame)
            await socket.send('429["no:such"]')
            await socket.ack(9)
            assert [str(frame)[:3] for frame in socket.frames if str(frame).startswith("43")] == ["431", "430", "439"]
        else:
            await socket.until_closed()


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"id": "a b"}, "bad_request"),
        ({"id": ""}, "bad_request"),
        ({"id": "x" * 65}, "too_large"),
        ({"text": ""}, "bad_request"),
        ({"text": 5}, "bad_request"),
        ({"text": "x" * 16_385}, "too_large"),
        ({"reply_to": 0}, "bad_request"),
        ({"reply_to": 1.5}, "bad_request"),
        ({"room": "public:no such"}, "bad_request"),
        ({"more": {"fields": [1, 2]}}, "bad_request"),
        ({"upload": None}, None),
        ({"reply_to": 3}, None),
    ],
)
async def test_the_fast_path_gives_the_acks_of_the_general_path(
    pair: Pair, change: dict[str, object], refusal: str | None
) -> None:
    room = unique("public:talk")
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("ada"))
        await _enter(socket, room)
        payload = {"room": room, "id": "a", "text": "x"} | change
        await socket.send("422" + json.dumps(["message:send", payload]))
        answer = await socket.ack(2)
        assert answer["ok"] is (refusal is None)
        assert answer.get("error", {}).get("reason") == refusal


@pytest.mark.parametrize("hotpath", ["python", "compiled"])
async def test_a_session_uses_the_fast_path_after_its_first_text(
    gateway_redis: str, tmp_path: Path, clients: Clients, hotpath: str
) -> None:
    with gateway(tmp_path, gateway_redis, "9", HOTPATH=hotpath) as running:
        ada, bob = [await clients(running, unique(name)) for name in ("ada", "bob")]
        room = unique("public:talk")
        for person in (ada, bob):
            await person.join(room)
        texts = [
            "first",
            "plain",
            'a "quote", a \\ and a\nnew line',
            "é€😀",
            "tab\tand \x7f",
            "x" * 5_000,
            "control \x01",
        ]
        seqs = [(await ada.send(room, text))["seq"] for text in texts]
        await bob.expect_text(texts[-1])
        assert (seqs, bob.texts(room)) == (list(range(1, 8)), texts)
        history = (await bob.ok("message:history", {"room": room}))["messages"]
        assert [message["text"] for message in history] == texts
        assert {(message["user"], message["name"], message["kind"]) for message in history} == {
            (ada.user, ada.user, "text")
        }
        again = await ada.send(room, "once", "the-same")
        assert await ada.send(room, "once", "the-same") == {**again, "duplicate": True}
        # all messages except the first, and except the emoji, which the client writes as two surrogates
        assert running.metric("roomcast_gateway_fast_path_messages_total") == 9 - 2
        assert running.metric("roomcast_gateway_hotpath_compiled") == (hotpath == "compiled")


async def test_a_removed_member_cannot_send_on_the_fast_path(pair: Pair, clients: Clients) -> None:
    """After the removal, the session's permission to use the fast path in this room is no longer valid."""
    ada = await clients(pair[0], unique("ada"))
    room = unique("team:secret")
    await ada.ok("room:create", {"room": room, "kind": "private"})
    bob = await clients(pair[1], unique("bob"))
    await ada.invite(room, bob.user)
    await bob.join(room)
    for number in range(3):
        await bob.send(room, f"in {number}")
    await ada.ok("room:remove", {"room": room, "user": bob.user})
    await bob.expect("room", lambda event: event["change"] == "removed")
    assert await bob.refused("message:send", {"room": room, "id": "late", "text": "out"}) == "forbidden"


async def _enter(socket: Raw, room: str) -> None:
    """Join, and send a first text, so that later texts may take the fast path."""
    await socket.send(f'421["room:join",{{"room":"{room}"}}]')
    await socket.ack(1)
    await socket.send(_packet(0, room, "warm"))
    await socket.ack(0)


def _packet(number: int, room: str, text: str) -> str:
    return f'42{number}["message:send",{{"room":"{room}","id":"{text}","text":"{text}"}}]'
