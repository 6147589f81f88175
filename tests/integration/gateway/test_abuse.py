"""Clients that send invalid or too many events get an error code or are closed. Other clients are not affected."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
import socketio

from tests.gateways import Clients, Gateway, raw, token, unique
from tests.socket_schemas import assert_documented
from tests.waiting import until

Pair = list[Gateway]
CLOSED_WITHIN_SECONDS = 10.0


async def assert_alive(pair: Pair, clients: Clients) -> None:
    """Check that two other clients, one on each gateway, can exchange a message."""
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[1], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    await ada.send(room, "still here")
    await bob.expect_text("still here")


def event(name: str, payload: Any, number: int = 1) -> str:
    return f"42{number}" + json.dumps([name, payload])


SEND = {"room": "public:lobby", "id": "an-id", "text": "hello"}
SIGN = {"room": "public:lobby", "name": "a.png", "type": "image/png", "size": 10}
HALF = "half \ud83d a pair"
"""A text with a lone surrogate, which UTF-8 cannot encode."""
HALF_PAIRS: list[tuple[str, dict[str, Any]]] = [
    ("message:send", {**SEND, "text": HALF}),
    ("message:send", {**SEND, "id": HALF}),
    ("message:send", {**SEND, "later": [{"field": HALF}]}),
    ("message:send", {**SEND, HALF: 1}),
    ("message:edit", {"room": "public:lobby", "id": "a", "target": 1, "text": HALF}),
    ("message:react", {"room": "public:lobby", "id": "a", "target": 1, "emoji": "\ude00", "on": True}),
    ("room:join", {"room": HALF}),
    ("room:join", {"room": "public:lobby", "since": {"seq": 1, "epoch": HALF}}),
    ("room:create", {"room": "team:half", "kind": "private", "name": HALF}),
    ("room:members", {"room": "public:lobby", "after": HALF}),
    ("presence", {"note": HALF}),
    ("media:sign", {**SIGN, "name": HALF}),
    ("media:sign", {**SIGN, "type": HALF}),
    ("auth:refresh", {"token": HALF}),
]
OVER_LIMITS: list[tuple[str, dict[str, Any]]] = [
    ("message:send", {**SEND, "text": "x" * 150_000}),
    ("message:send", {**SEND, "text": "x" * 900_000}),
    ("no:such", {"field": "\N{GRINNING FACE}" * 60_000}),
    ("message:send", {**SEND, "text": "x" * 90_000}),
    ("message:send", {**SEND, "text": "\N{GRINNING FACE}" * 4_097}),
    ("message:edit", {"room": "public:lobby", "id": "a", "target": 1, "text": "x" * 90_000}),
    ("message:react", {"room": "public:lobby", "id": "a", "target": 1, "emoji": "x" * 17, "on": True}),
    ("room:create", {"room": "team:half", "kind": "private", "name": "x" * 81}),
    ("presence", {"note": "x" * 141}),
    ("presence:query", {"users": ["ada"] * 101}),
    ("media:sign", {**SIGN, "name": "x" * 256}),
    ("auth:refresh", {"token": "x" * 8_193}),
]

LARGE_ATTACHMENTS: list[tuple[str, dict[str, Any]]] = [
    ("message:send", {**SEND, "data": b"x" * 150_000}),
    ("message:send", {**SEND, "data": [b"x" * 60_000, b"x" * 60_000, b"x"]}),
]


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (event("no:such", {}), "unknown_event"),
        (event("ready", {}), "unknown_event"),
        (event("message", SEND), "unknown_event"),
        (event("trigger_event", {}), "unknown_event"),
        (event("__class__", {}), "unknown_event"),
        (event("*", {}), "unknown_event"),
        (event("", {}), "unknown_event"),
        (event("é" * 5_000, {}), "unknown_event"),
        ('421["message:send"]', "bad_request"),
        ('421["message:send",null]', "bad_request"),
        ('421["message:send",[]]', "bad_request"),
        ('421["message:send","text"]', "bad_request"),
        ('421["message:send",7]', "bad_request"),
        ('421["message:send",true]', "bad_request"),
        ('421["message:send",{}]', "bad_request"),
        ('421["message:send",{},{}]', "bad_request"),
        (event("message:send", {**SEND, "room": "public:lobby\n"}), "bad_request"),
        (event("message:send", {**SEND, "room": "../x"}), "bad_request"),
        (event("message:send", {**SEND, "room": "x" * 129}), "bad_request"),
        (event("message:send", {**SEND, "id": "x" * 65}), "too_large"),
        *((event(name, payload), "bad_request") for name, payload in HALF_PAIRS),
        *((event(name, payload), "too_large") for name, payload in OVER_LIMITS),
        (event("message:send", {**SEND, "reply_to": 2**63}), "bad_request"),
        (event("message:history", {"room": "public:lobby", "limit": 10**30}), "bad_request"),
        (event("media:sign", {"room": "public:lobby", "name": "x", "type": "a/b", "size": -1}), "bad_request"),
        (event("media:complete", {"upload": "../../secret"}), "bad_request"),
        (event("presence:query", {"users": ["../x"]}), "bad_request"),
        (event("presence:query", {"users": "ada"}), "bad_request"),
        (event("presence:query", {"users": [f"u{n}" for n in range(101)]}), "too_large"),
        ('421["message:send",{"room":"public:lobby","id":"a","text":' + "[" * 60 + "]" * 60 + "}]", "bad_request"),
        ('421["message:send",{"text":' + "[" * 30_000 + "]" * 30_000 + "}]", "bad_request"),
        ('421["message:send",' + '{"a":' * 500 + "1" + "}" * 500 + "]", "bad_request"),
        ('421["message:send",{"room":"public:lobby","id":"a","text":NaN}]', "bad_request"),
        ('421["message:send",{"room":"public:lobby","id":"a","text":-Infinity}]', "bad_request"),
        ('421["message:send",{"room":"public:lobby","id":"a","reply_to":1e400}]', "bad_request"),
        ('421["message:send",{"room":"public:lobby","id":"a","reply_to":1' + "0" * 400 + "}]", "bad_request"),
        ("421[7,{}]", "bad_request"),
        ("421[]", "bad_request"),
        ("421[null]", "bad_request"),
    ],
)
async def test_a_bad_event_is_refused_with_a_code(pair: Pair, clients: Clients, frame: str, reason: str) -> None:
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("mallory"))
        await socket.send(frame)
        answer = await socket.ack(1)
        assert (answer["ok"], answer["error"]["reason"]) == (False, reason)
        await socket.send(event("message:history", {"room": unique("public:talk")}, 2))
        assert (await socket.ack(2))["ok"] is True


@pytest.mark.parametrize(
    "frames",
    [
        ['42["message:send",{"room":"public:lobby","id":"a","text":NaN}]'],
        ['42["message:send",{"room":"public:lobby","id":"a","text":Infinity}]'],
        ['42["message:send",{"room":"public:lobby","id":"a","reply_to":1' + "0" * 400 + "}]"],
        ['42["message:send",{"room":"public:lobby","id":"a","text":"x"}'],
        ['42["message:send",' + "[" * 30_000 + "]" * 30_000 + "]"],
        ['42["message:send",' + '{"a":' * 500 + "1" + "}" * 500 + "]"],
        ["42{}"],
        ["42[]"],
        ["42[7]"],
        ["42"],
        ["4"],
        ["49"],
        ["4é"],
        ["9x"],
        ["hello"],
        ['42["connect",{}]'],
        ['42["disconnect"]'],
        ['42["disconnecting"]'],
        ['42["connect_error"]'],
        ['42["newListener"]'],
        ['44{"message":"x"}'],
        ["431"],
        ['4511-["message:send"]'],
        ['451-["message:send",{"_placeholder":true,"num":1}]', b"x"],
        ['451-["message:send",{"_placeholder":true,"num":0}]', "42[]"],
        [b"no header"],
        ['42["a"]' + "\x00"],
        ['40{"token":"again"}'],
    ],
    ids=lambda frames: str(frames[0])[:60],
)
async def test_a_frame_that_is_not_a_packet_closes_the_connection(
    pair: Pair, clients: Clients, frames: list[str | bytes]
) -> None:
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("mallory"))
        await socket.send(*frames)
        said = await socket.until_closed(CLOSED_WITHIN_SECONDS)

    assert [frame for frame in said if frame.startswith("43")] == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_a_stock_client_gets_an_ack_with_a_code_and_stays_connected(
    pair: Pair, clients: Clients, transport: str
) -> None:
    ada = await clients(pair[0], unique("ada"), transports=(transport,))
    room = unique("public:talk")
    await ada.join(room)

    for name, payload in HALF_PAIRS:
        assert await ada.refused(name, payload) == "bad_request", name
    for name, payload in OVER_LIMITS + LARGE_ATTACHMENTS:
        assert await ada.refused(name, payload) == "too_large", name

    await ada.send(room, "still here")
    await ada.expect_text("still here")
    assert not ada.gone.is_set()


BURSTS = [
    ("websocket", 60, 16_000, "ok"),
    ("websocket", 20, 90_000, "too_large"),
    ("websocket", 4, 900_000, "too_large"),
    ("polling", 5, 16_000, "ok"),
    ("polling", 10, 90_000, "too_large"),
    ("polling", 1, 900_000, "too_large"),
]
"""Transport, number of messages, size of each text, and expected outcome.

Polling bursts are small: python-socketio posts all waiting packets in one body, and accepts at most 16 in one poll.
"""


@pytest.mark.parametrize(("transport", "count", "size", "outcome"), BURSTS)
async def test_a_burst_of_large_texts_is_answered_and_ends_no_connection(
    pair: Pair, clients: Clients, transport: str, count: int, size: int, outcome: str
) -> None:
    """A client that was offline sends its outbox: within its limits, but more than the gateway handles at once."""
    ada = await clients(pair[0], unique("ada"), transports=(transport,))
    room = unique("public:talk")
    await ada.join(room)
    sends = [{"room": room, "id": f"b{number}", "text": "x" * size} for number in range(count)]
    answers = await asyncio.gather(*(ada.call("message:send", send) for send in sends))
    assert ["ok" if answer["ok"] else answer["error"]["reason"] for answer in answers] == [outcome] * count
    if outcome == "ok":
        assert [answer["seq"] for answer in answers] == list(range(1, count + 1))
    assert not ada.gone.is_set()


async def test_a_message_without_ack_that_cannot_be_stored_leaves_the_connection_open(pair: Pair) -> None:
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("ada"))
        await socket.send("42" + json.dumps(["message:send", {**SEND, "text": HALF}]), event("room:list", {}, 2))
        assert (await socket.ack(2))["ok"] is True


async def test_a_token_with_a_lone_surrogate_gets_a_connect_error(pair: Pair) -> None:
    async with raw(pair[0]) as socket:
        await socket.send('40{"token":"\\ud83d"}')
        assert "unauthorized" in await socket.until(lambda frame: frame.startswith("44"))


async def test_other_clients_stay_connected_while_the_gateway_closes_a_connection(pair: Pair, clients: Clients) -> None:
    ada, bob = await clients(pair[0], unique("ada")), await clients(pair[0], unique("bob"))
    room = unique("public:talk")
    await bob.join(room)
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("mallory"))
        await socket.send(event("message:send", {**SEND, "room": room, "text": HALF}), "hello")
        await socket.until_closed(CLOSED_WITHIN_SECONDS)
    await ada.send(room, "still here")
    await bob.expect_text("still here")
    assert bob.texts(room) == ["still here"]
    assert [client.gone.is_set() for client in (ada, bob)] == [False, False]


@pytest.mark.parametrize(
    "payload",
    [
        '{"_placeholder":true,"num":0}',
        '{"room":{"_placeholder":true,"num":0},"id":"a","text":"x"}',
        '{"room":"public:lobby","id":"a","text":{"_placeholder":true,"num":0}}',
    ],
)
async def test_bytes_where_json_is_expected_are_refused(pair: Pair, clients: Clients, payload: str) -> None:
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("mallory"))
        await socket.send('451-1["message:send",' + payload + "]", b"public:lobby")
        assert (await socket.ack(1))["error"]["reason"] == "bad_request"


async def test_events_before_connect_close_the_connection(pair: Pair, clients: Clients) -> None:
    async with raw(pair[0]) as socket:
        for _ in range(100):
            await socket.send(event("message:send", SEND))
        said = await socket.until_closed(CLOSED_WITHIN_SECONDS)

    assert [frame for frame in said if frame.startswith("43")] == []
    await assert_alive(pair, clients)


async def test_events_sent_together_with_the_connect_are_answered(pair: Pair) -> None:
    room = unique("public:talk")
    async with raw(pair[0]) as socket:
        signed = token(unique("ada"))
        await socket.send("40" + json.dumps({"token": signed}), event("room:join", {"room": room}, 1))
        await socket.send(event("message:send", {**SEND, "room": room}, 2))
        assert (await socket.ack(1))["ok"] is True
        assert (await socket.ack(2))["seq"] == 1


async def test_events_sent_together_with_a_refused_connect_are_not_handled(pair: Pair, clients: Clients) -> None:
    room = unique("public:talk")
    async with raw(pair[0]) as socket:
        await socket.send("40" + json.dumps({"token": "x"}))
        for number in range(20):
            await socket.send(event("message:send", {**SEND, "room": room, "id": str(number)}, number))
        said = await socket.until_closed(CLOSED_WITHIN_SECONDS)

    assert [frame[:2] for frame in said if frame != "1"] == ["44"]
    ada = await clients(pair[0], unique("ada"))
    assert (await ada.join(room))["seq"] == 0


async def test_a_connect_to_an_unknown_namespace_is_refused_with_invalid_namespace(pair: Pair) -> None:
    async with raw(pair[0]) as socket:
        await socket.send("40/other,{}")
        assert await socket.until(lambda frame: frame.startswith("44")) == '44/other,{"message":"Invalid namespace"}'


async def test_a_client_that_sends_a_thousand_events_at_once_is_limited_and_then_closed(
    pair: Pair, clients: Clients
) -> None:
    room = unique("public:talk")
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("mallory"))
        started = time.monotonic()
        for number in range(1_000):
            await socket.send(event("message:send", {**SEND, "room": room, "id": str(number)}, number))
        said = await socket.until_closed()

    answers = [json.loads(frame[frame.index("[") :])[0] for frame in said if frame.startswith("43")]
    limited = [answer["error"] for answer in answers if not answer["ok"]]
    assert {error["reason"] for error in limited} == {"rate_limited"}
    assert all(error["retryable"] and 0 < error["retry_after"] <= 1 for error in limited)
    assert 200 <= sum(answer["ok"] for answer in answers) <= 200 + 60 * (time.monotonic() - started)
    assert len(answers) < 1_000
    await assert_alive(pair, clients)


async def test_acks_and_refused_connects_match_the_asyncapi_document(pair: Pair, clients: Clients) -> None:
    ada, room = await clients(pair[0], unique("ada")), unique("public:talk")
    async with raw(pair[0]) as socket:
        await socket.send("40" + json.dumps({"token": "x"}))
        refused = await socket.until(lambda frame: frame.startswith("44"))
    emit = {"room": room, "event": "ping", "data": {}}
    calls = [
        ("no:such", {}),
        ("room:join", {"room": HALF}),
        *[("room:emit", emit)] * 150,  # more than the limit also if the gateway needs five seconds
    ]
    acks = [await ada.call("room:join", {"room": room})]
    acks += await asyncio.gather(*(ada.call(name, payload) for name, payload in calls))
    for ack in acks:
        assert_documented("Ack", ack)
    assert_documented("Error", json.loads(refused[2:])["data"])
    errors = [ack["error"] for ack in acks if not ack["ok"]]
    assert {field for error in errors for field in error} == {"code", "reason", "retryable", "detail", "retry_after"}


async def test_a_client_that_waits_for_retry_after_may_send_again(pair: Pair, clients: Clients) -> None:
    ada, room = await clients(pair[0], unique("ada")), unique("public:talk")
    waits: list[float] = []
    for first in range(0, 2_000, 230):  # on a slow machine more events are allowed, because allowances grow with time
        calls = (ada.call("message:send", {"room": room, "id": str(first + n), "text": str(n)}) for n in range(230))
        waits = [answer["error"]["retry_after"] for answer in await asyncio.gather(*calls) if not answer["ok"]]
        if waits:
            break
    assert waits

    async def is_accepted() -> bool:
        await asyncio.sleep(max(waits))
        return bool((await ada.call("message:send", {"room": room, "id": "late", "text": "late"}))["ok"])

    await until(is_accepted, "the client may send again")


async def test_a_client_that_sends_too_many_typing_events_is_closed(pair: Pair, clients: Clients) -> None:
    bob, room = await clients(pair[1], unique("bob")), unique("public:talk")
    await bob.join(room)
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("mallory"))
        await socket.send(event("room:join", {"room": room}))
        await socket.ack(1)
        for _ in range(1_000):
            await socket.send("42" + json.dumps(["typing", {"room": room, "typing": True}]))
        await socket.until_closed()

    ada = await clients(pair[0], unique("ada"))
    await ada.send(room, "after the typing events")
    await bob.expect_text("after the typing events")
    assert 0 < len(bob.seen("typing")) <= 300
    await assert_alive(pair, clients)


@pytest.mark.parametrize(
    "frame",
    [
        event("message:send", {**SEND, "text": "x" * 1_000_000}),
        "42" + json.dumps(["message:send", {**SEND, "text": "x" * 150_000}]),
        "431" + json.dumps(["x" * 150_000]),
        "40" + json.dumps({"token": "x" * 150_000}),
        "2" + "x" * 150_000,
        b"x" * 150_000,
    ],
    ids=["over a megabyte", "without an ack", "an ack", "a second CONNECT", "a ping", "unannounced bytes"],
)
async def test_an_oversized_packet_without_an_ack_id_closes_the_socket(
    pair: Pair, clients: Clients, frame: str | bytes
) -> None:
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("mallory"))
        await socket.send(frame)
        await socket.until_closed(CLOSED_WITHIN_SECONDS)
        assert socket.socket.close_code == 1009

    await assert_alive(pair, clients)


async def test_large_packets_in_pieces_are_answered_in_order(pair: Pair) -> None:
    """Browsers send a large message in several frames."""
    async with raw(pair[0]) as socket:
        await socket.sign_in(unique("ada"))
        large = event("message:send", {**SEND, "text": "x" * 500_000}, 1)
        await socket.send_in_pieces(large, event("room:list", {}, 2))
        assert (await socket.ack(1))["error"]["reason"] == "too_large"
        assert (await socket.ack(2))["ok"] is True
        answers = [frame[:3] for frame in socket.frames if isinstance(frame, str) and frame.startswith("43")]
        assert answers == ["431", "432"]


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize(
    ("auth", "reason"),
    [
        ({"token": "x" * 20_000}, "too_large"),
        ({"token": "x" * 150_000}, "too_large"),
        ({"more": json.loads("[" * 100 + "]" * 100)}, "bad_request"),
        ("a text", "bad_request"),
        (["a list"], "bad_request"),
    ],
    ids=["20 kB", "150 kB", "deep", "text", "list"],
)
async def test_an_unreadable_connect_gets_a_connect_error(pair: Pair, transport: str, auth: Any, reason: str) -> None:
    """A stock client does not reconnect after a connect error. After a close, it would reconnect again and again."""
    io = socketio.AsyncClient(reconnection=False)
    told: list[Any] = []
    io.on("connect_error", told.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await io.connect(pair[0].url, auth=auth, transports=[transport], wait_timeout=10)
    assert [(error["message"], error["data"]["reason"]) for error in told] == [(reason, reason)]
    await io.shutdown()


async def test_without_a_signer_media_sign_is_refused_within_two_seconds(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"))
    started = time.monotonic()

    wanted = {"room": "public:lobby", "name": "a.png", "type": "image/png", "size": 10}
    assert await ada.refused("media:sign", wanted) == "media_unavailable"
    assert time.monotonic() - started < 2.0
