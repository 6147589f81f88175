"""Calls of a back end that are refused before they reach Redis. No server listens at the address of the client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from redis.asyncio import Redis

from roomcast.contract.backend import Backend, connect
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_MESSAGE_BYTES

Call = Callable[[Backend], Awaitable[Any]]


def make() -> Backend:
    return Backend(Redis(port=1))


def test_a_redis_client_that_decodes_responses_is_refused() -> None:
    with pytest.raises(ValueError, match="decode_responses=False"):
        Backend(Redis(decode_responses=True))


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.publish("no room", "ada", "text"),
        lambda b: b.publish("public:x\n", "ada", "text"),
        lambda b: b.publish('a","seq":9,"x":"', "ada", "text"),
        lambda b: b.publish("public:x", "auth0|ada", "text"),
        lambda b: b.publish("public:x", "", "text"),
        lambda b: b.publish("public:x", "ada", "text", id=""),
        lambda b: b.publish("public:x", "ada", "text", id="a b"),
        lambda b: b.publish("public:x", "ada", "text", id="x" * 65),
        lambda b: b.publish("public:x", "ada", "half a pair: \ud83d"),
        lambda b: b.publish("public:x", "ada"),
        lambda b: b.publish("public:x", "ada", data={"a": b"bytes"}),
        lambda b: b.emit_to_user("no one", "event"),
        lambda b: b.emit_to_room("no room", "event"),
        lambda b: b.emit_to_all("no event"),
        lambda b: b.emit_to_all(""),
        lambda b: b.emit_to_all("event\n"),
        lambda b: b.emit_to_user("ada", "event", {"a": float("nan")}),
        lambda b: b.create_room("", "ada"),
        lambda b: b.grant("team:x", "a{b}"),
        lambda b: b.remove("team:x", "a:b"),
        lambda b: b.kick("team x", "ada"),
        lambda b: b.close_room("team{x}"),
        lambda b: b.revoke_user("*"),
        lambda b: b.revoke_user("ada", seconds=0.5),
        lambda b: b.revoke_token(""),
        lambda b: b.revoke_token("x" * 129),
        lambda b: b.revoke_session(""),
        lambda b: b.revoke_session("x" * 129),
        lambda b: b.revoke_user("ada", issued_before=float("nan")),
        lambda b: b.revoke_user("ada", issued_before=1.7e12),
        lambda b: b.presence(["ada", "no one"]),
        lambda b: b.publish("public:x", "ada", "text", reply_to=0),
        lambda b: b.publish("public:x", "ada", upload="../x"),
        lambda b: b.sign_upload("ada", "public:x", "\ud800", size=1),
        lambda b: b.sign_upload("ada", "no room", "a.png", size=1),
        lambda b: b.sign_upload("ada", "public:x", "a.png", size=-1),
        lambda b: b.complete_upload("ada", "x y"),
        lambda b: b.upload_url("ada", ""),
        lambda b: b.room("no room"),
        lambda b: b.members("team:x", cursor="abc"),
        lambda b: b.members("team:x", cursor=str(2**64)),
        lambda b: b.members("team:x", limit=0),
        lambda b: b.occupancy("{}"),
        lambda b: b.rooms_of("a b"),
        lambda b: b.disconnect("a b"),
    ],
)
async def test_bad_arguments_are_refused(call: Call) -> None:
    with pytest.raises(RoomcastError) as caught:
        await call(make())
    assert caught.value.code is Code.BAD_REQUEST


@pytest.mark.parametrize("text", ["", "\u20ac" * (MAX_MESSAGE_BYTES // 3 + 1)])
async def test_an_empty_or_too_large_text_is_refused(text: str) -> None:
    with pytest.raises(RoomcastError) as caught:
        await make().publish("public:x", "ada", text)
    assert caught.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("url", ["http://localhost", "redis+cluster://localhost/1", "redis://a,b"])
async def test_unusable_redis_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        async with connect(url):
            pass
