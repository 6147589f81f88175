"""Packets and frames that break the protocol. Each gets an error or ends its connection. No other client gets it."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress

import aiohttp
import pytest

from deploy.cluster import Cluster
from tests.attack.bad_inputs.targets import (
    BODY_SECONDS,
    CONNECT_SECONDS,
    MARK,
    Target,
    answer,
    event,
    message,
    targets_of,
)
from tests.gateways import Json, unique

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOSED_SECONDS = 5.0
"""Time within which a gateway must close a connection, in seconds. On an idle machine half a second is enough."""

ATTACHMENT_SECONDS = 12.0
PAYLOAD_BYTES = 100_000
"""Limit of one packet. A larger event of a signed-in client gets an error ack, up to DROPPED_BYTES."""
DROPPED_BYTES = 1_000_000
"""Size from which a packet of a signed-in client ends the connection."""
NGINX_BODY_BYTES = 1_048_576
"""Largest body that nginx accepts."""
LOBBY = "public:lobby"
POLLING = "/socket.io/?EIO=4&transport=polling"

NO_PACKETS: dict[str, list[str | bytes]] = {
    "an unknown Engine.IO type": ["9x"],
    "text that is no packet": [f"hello {MARK}"],
    "an empty packet": [""],
    "an object instead of an array": ["42{}"],
    "an empty array": ["42[]"],
    "a number as event name": ["42[7]"],
    "JSON that ends early": [f'42["message:send",{{"text":"{MARK}"'],
    "the event connect": ['42["connect",{}]'],
    "the event disconnect": ['42["disconnect"]'],
    "the event disconnecting": ['42["disconnecting"]'],
    "the event connect_error": ['42["connect_error",{}]'],
    "eleven attachments": ['4511-["message:send"]'],
    "4,000,000,000 attachments": ['454000000000-["message:send"]'],
    "a placeholder without its attachment": ['451-["message:send",{"_placeholder":true,"num":1}]', b"x"],
    "an event between attachments": ['451-["message:send",{"_placeholder":true,"num":0}]', "42[]"],
    "a binary frame without its header": [b"no header"],
    "a second CONNECT": ['40{"token":"again"}'],
    "NaN": [f'42["message:send",{{"room":"{LOBBY}","id":"a","text":NaN}}]'],
    "Infinity": [f'42["message:send",{{"room":"{LOBBY}","id":"a","text":-Infinity}}]'],
    "a number of 400 digits": [f'42["message:send",{{"room":"{LOBBY}","id":"a","reply_to":1{"0" * 400}}}]'],
    "arrays 30,000 deep": ['42["message:send",' + "[" * 30_000 + "]" * 30_000 + "]"],
}


@pytest.mark.parametrize("kind", NO_PACKETS)
async def test_an_invalid_packet_closes_the_connection(target: Target, kind: str) -> None:
    room = unique("public:quiet")
    listener = await target.client(unique("listener"))
    await listener.join(room)
    async with target.raw(unique("mallory")) as raw:
        assert (await answer(raw, "room:join", {"room": room}))["ok"] is True
        frames = [frame.replace(LOBBY, room) if isinstance(frame, str) else frame for frame in NO_PACKETS[kind]]
        await raw.send(*frames, event("message:send", message(room), 2))
        said = await raw.until_closed(CLOSED_SECONDS)
    assert [frame for frame in said if frame.startswith("43")] == [], (
        "the gateway has handled an event after the invalid packet"
    )
    await listener.send(room, f"{MARK} last")
    await listener.expect_text(f"{MARK} last")
    assert [heard["text"] for heard in listener.seen("message")] == [f"{MARK} last"]
    await listener.close()


@pytest.mark.parametrize(("signed_in", "size"), [(True, DROPPED_BYTES), (False, PAYLOAD_BYTES), (False, 20_000)])
async def test_a_websocket_message_beyond_the_limit_is_closed_with_1009(
    target: Target, signed_in: bool, size: int
) -> None:
    async with target.raw(unique("mallory") if signed_in else "") as raw:
        await raw.send(event("message:send", message(LOBBY, text=(MARK * size)[:size])))
        await raw.until_closed(CLOSED_SECONDS)
        assert raw.socket.close_code == 1009


UNUSABLE: dict[str, list[str | bytes]] = {
    "a text of 150,000 characters": [event("message:send", message(LOBBY, text=(MARK * 20_000)[:150_000]))],
    "an attachment of 150,000 bytes": ['451-1["message:send",{"_placeholder":true,"num":0}]', b"x" * 150_000],
    "NaN": [f'421["message:send",{{"room":"{LOBBY}","id":"a","text":NaN}}]'],
    "a number of 400 digits": [f'421["message:send",{{"room":"{LOBBY}","id":"a","reply_to":1{"0" * 400}}}]'],
    "arrays 30,000 deep": ['421["message:send",' + "[" * 30_000 + "]" * 30_000 + "]"],
    "a number as event name": ["421[7]"],
    "a placeholder without its attachment": ['451-1["message:send",{"_placeholder":true,"num":1}]', b"x"],
}


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_an_unusable_event_gets_an_error_ack_and_reaches_no_client(target: Target, kind: str) -> None:
    room = unique("public:quiet")
    listener = await target.client(unique("listener"))
    await listener.join(room)
    async with target.raw(unique("mallory")) as raw:
        assert (await answer(raw, "room:join", {"room": room}, 9))["ok"] is True
        await raw.send(*(frame.replace(LOBBY, room) if isinstance(frame, str) else frame for frame in UNUSABLE[kind]))
        assert (await raw.ack(1))["error"]["reason"] in ("too_large", "bad_request")
        assert (await answer(raw, "message:send", message(room, text=f"{MARK} last"), 2))["ok"] is True
    await listener.expect_text(f"{MARK} last")
    assert [heard["text"] for heard in listener.seen("message")] == [f"{MARK} last"]
    await listener.close()


async def test_oversized_events_count_towards_the_rate_limits(target: Target) -> None:
    """Send a thousand events of 110 kB. The rate limits apply to bytes as well as to events."""
    large = event("message:send", message(LOBBY, text=(MARK * 20_000)[:110_000]), 1)
    async with target.raw(unique("mallory")) as raw:
        with suppress(ConnectionError):
            for _ in range(1_000):
                await raw.send(large)
        said = await raw.until_closed(CLOSED_SECONDS)
        assert raw.socket.close_code in (1008, 1006, None)
    assert len([frame for frame in said if frame.startswith("431")]) < 100


async def test_a_thousand_unusable_events_get_errors_and_then_end_the_connection(target: Target) -> None:
    async with target.raw(unique("mallory")) as raw:
        with suppress(ConnectionError):
            await raw.send(*(f'42{number}["message:send",NaN]' for number in range(1_000)))
        said = await raw.until_closed(CLOSED_SECONDS)
    reasons = {json.loads(frame[frame.index("[") :])[0]["error"]["reason"] for frame in said if frame[:2] == "43"}
    assert reasons == {"bad_request", "rate_limited"}


async def open_post(target: Target, size: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a polling session. Begin a POST of `size` bytes to it, without sending the body."""
    async with aiohttp.ClientSession() as http, http.get(target.url + POLLING) as opened:
        sid = json.loads((await opened.text())[1:])["sid"]
    reader, writer = await asyncio.open_connection("127.0.0.1", int(target.url.rpartition(":")[2]))
    writer.write(f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
    return reader, writer


@pytest.mark.parametrize("size", [PAYLOAD_BYTES + 1, NGINX_BODY_BYTES + 1])
@pytest.mark.parametrize("sent", [0, 4_096, PAYLOAD_BYTES])
async def test_a_post_beyond_the_limit_gets_413_before_its_body_arrives(target: Target, size: int, sent: int) -> None:
    reader, writer = await open_post(target, size)
    writer.write(b"4" * sent)
    async with asyncio.timeout(CLOSED_SECONDS):
        assert b" 413 " in await reader.readline()
    writer.close()


async def answer_or_reset(reader: asyncio.StreamReader) -> bytes:
    """Return the answer, or b"" after a reset: a body byte that arrives after the close resets the connection."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def test_a_connection_with_an_incomplete_session_packet_or_body_is_closed(attacked: Cluster) -> None:
    """Test all three cases in parallel, because each takes seconds: no CONNECT, missing attachments, a slow body."""

    async def without_connect(target: Target) -> None:
        async with target.raw() as raw:
            started = time.monotonic()
            await raw.until_closed(CONNECT_SECONDS + CLOSED_SECONDS)
            assert time.monotonic() - started >= CONNECT_SECONDS - 0.5

    async def without_attachments(target: Target) -> None:
        async with target.raw(unique("mallory")) as raw:
            await raw.send('452-["message:send",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', b"x")
            await raw.until_closed(ATTACHMENT_SECONDS)

    async def dripping(target: Target) -> None:
        reader, writer = await open_post(target, 1_000)
        answer = asyncio.ensure_future(answer_or_reset(reader))
        async with asyncio.timeout(BODY_SECONDS + CLOSED_SECONDS):
            while not answer.done():
                writer.write(b"4")
                await asyncio.wait({answer}, timeout=0.2)
        assert b" 200 " not in answer.result()[:20]
        writer.close()

    kinds = (without_connect, without_attachments, dripping)
    await asyncio.gather(*(closes(target) for closes in kinds for target in targets_of(attacked).values()))


@pytest.mark.parametrize("signed_in", [True, False])
async def test_a_connect_to_an_unknown_namespace_is_refused_with_invalid_namespace(
    target: Target, signed_in: bool
) -> None:
    async with target.raw(unique("mallory") if signed_in else "") as raw:
        await raw.send("40/other,{}")
        assert await raw.until(lambda frame: frame.startswith("44")) == '44/other,{"message":"Invalid namespace"}'


@pytest.mark.parametrize("namespace", ["/other", "/\u0000é", "/" + "x" * 5_000])
async def test_an_event_for_a_namespace_without_connect_gets_no_ack(target: Target, namespace: str) -> None:
    async with target.raw(unique("mallory")) as raw:
        await raw.send(f'42{namespace},7["message:send",{json.dumps(message(LOBBY))}]')
        assert (await answer(raw, "room:list", {}, 8))["ok"] is True
        assert [str(frame)[:4] for frame in raw.frames if str(frame).startswith("43")] == ["438["]


async def test_a_thousand_messages_are_rate_limited_and_then_end_the_connection(target: Target) -> None:
    room = unique("public:talk")
    async with target.raw(unique("mallory")) as raw:
        for number in range(1_000):
            await raw.send(event("message:send", message(room), number))
        said = await raw.until_closed()
    answers: list[Json] = [json.loads(frame[frame.index("[") :])[0] for frame in said if frame.startswith("43")]
    refused = [row["error"] for row in answers if not row["ok"]]
    assert {row["reason"] for row in refused} == {"rate_limited"}
    assert all(row["retryable"] and row["retry_after"] > 0 for row in refused)
    assert len(answers) < 1_000


@pytest.mark.parametrize("name", ["typing", "presence", "receipt:read", "no:such"])
async def test_too_many_events_without_an_ack_end_the_connection(target: Target, name: str) -> None:
    payload = {"room": LOBBY, "typing": True, "seq": 1, "note": MARK}
    async with target.raw(unique("mallory")) as raw:
        await raw.send(*("42" + json.dumps([name, payload]) for _ in range(1_500)))
        await raw.until_closed()
