"""One suite for both back-end clients: `Backend` on Redis, and `HttpBackend` on the API."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from roomcast.contract import backend as redis_backend
from roomcast.contract import http_backend
from roomcast.contract.backend import Backend, Presence
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.http_backend import AnyBackend, HttpBackend
from tests import apis, servers

ONLY_IN_ONE_CLIENT = {"ping", "info", "sign", "sign_token"}
Call = Callable[[AnyBackend, str], Awaitable[Any]]


@pytest.fixture(params=["redis", "http"])
async def backend(
    request: pytest.FixtureRequest, api: apis.Api, api_redis: Callable[[str], str]
) -> AsyncIterator[AnyBackend]:
    if request.param == "redis":
        async with redis_backend.connect(api_redis("backend")) as client:
            yield client
    else:
        async with http_backend.connect(api.url, api.key) as over_http:
            yield over_http


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """Return the id of a room that only this test uses."""
    return "team:" + "".join(letter if letter.isalnum() else "-" for letter in request.node.name)[-90:]


def public(kind: type) -> dict[str, Any]:
    return {name: each for name, each in inspect.getmembers(kind, callable) if not name.startswith("_")}


def test_both_clients_have_the_same_methods() -> None:
    ours, theirs = public(Backend), public(HttpBackend)
    assert set(ours) - ONLY_IN_ONE_CLIENT == set(theirs) - ONLY_IN_ONE_CLIENT
    for name in set(ours) - ONLY_IN_ONE_CLIENT:
        assert inspect.signature(theirs[name]) == inspect.signature(ours[name]), name


async def test_the_removal_of_a_user_named_by_dots_does_not_delete_the_room(backend: AnyBackend, room: str) -> None:
    """HTTP clients resolve `/members/..` to the room itself, so the client over HTTP must not send it."""
    await backend.create_room(room, "ada")
    for user in (".", ".."):
        if isinstance(backend, Backend):
            assert not await backend.remove(room, user)
        else:
            with pytest.raises(RoomcastError, match="cannot be part of a URL"):
                await backend.remove(room, user)
    assert (await backend.room(room)).owner == "ada"


async def test_an_id_that_would_lead_to_another_route_is_refused(api: apis.Api) -> None:
    async with http_backend.connect(api.url, api.key) as backend:
        for call in (
            backend.emit_to_user("..", "news"),
            backend.emit_to_room("..", "news"),
            backend.revoke_token("../x"),
        ):
            with pytest.raises(RoomcastError) as refused:
                await call
            assert refused.value.code is Code.BAD_REQUEST


async def test_a_back_end_publishes_amends_and_reads_messages(backend: AnyBackend, room: str) -> None:
    first = await backend.publish(room, "ada", "one \u2713", kind="text", id="m1", data={"n": 1.5}, name="Ada")
    again = await backend.publish(room, "ada", "one \u2713", kind="text", id="m1")
    assert again == first._replace(duplicate=True)
    reply = await backend.publish(room, "bob", "two", reply_to=first.seq)
    edited = await backend.edit(room, "ada", first.seq, "better")
    await backend.react(room, "bob", first.seq, "\U0001f44d")
    gone = await backend.delete(room, "moderator", first.seq)
    assert [reply.seq, edited.seq, gone.seq] == [2, 3, 5]
    page = await backend.history(room, limit=2)
    assert ([message["kind"] for message in page.messages], page.more, page.seq) == (["reaction", "delete"], True, 5)
    older = await backend.history(room, before=4)
    assert (older.messages[0]["deleted"], older.messages[1]["reply_to"], older.more) == (5, 1, False)
    assert [m["seq"] for m in (await backend.history(room, after=3)).messages] == [4, 5]


async def test_a_back_end_manages_rooms_and_members(backend: AnyBackend, room: str) -> None:
    await backend.create_room(room, "ada", name="Rooms")
    await backend.grant(room, "bob", "admin", by="ada")
    await backend.set_slow_mode(room, 7)
    found = await backend.room(room)
    assert (found.kind, found.name, found.owner, found.members, found.slow_seconds) == ("private", "Rooms", "ada", 2, 7)
    page = await backend.members(room)
    assert (sorted(page.members), page.cursor) == ([("ada", "owner"), ("bob", "admin")], None)
    assert (room, "Rooms") in await backend.rooms_of("bob")
    await backend.publish(room, "ada", "hello", kind="text", mentions=["bob"])
    inbox = await backend.inbox("bob")
    (line,) = [line for line in inbox.rooms if line.room == room]
    assert (line.unread, line.mentions, line.role, line.name) == (1, 1, "admin", "Rooms")
    assert line.last is not None
    assert line.last["text"] == "hello"
    await backend.update_room(room, name="Halls", topic="Plans", data={"n": 1})
    await backend.transfer_room(room, "bob")
    found = await backend.room(room)
    assert (found.name, found.topic, found.data, found.owner) == ("Halls", "Plans", {"n": 1}, "bob")
    await backend.transfer_room(room, "ada")
    assert (await backend.occupancy(room)).users == []
    assert [await backend.remove(room, "bob") for _ in range(2)] == [True, False]
    await backend.kick(room, "bob")
    await backend.close_room(room)


async def test_a_message_without_a_name_gets_the_name_of_the_profile(backend: AnyBackend, room: str) -> None:
    await backend.set_profile("quinn", name="Quinn")
    for user, name in (("quinn", None), ("quinn", "Q."), ("nobody", None)):
        await backend.publish(room, user, "text", name=name, kind="text")
    await backend.edit(room, "quinn", 1, "other")
    assert [message["name"] for message in (await backend.history(room)).messages] == ["Quinn", "Q.", "nobody", "Quinn"]


async def test_a_back_end_manages_users(backend: AnyBackend, room: str) -> None:
    assert (await backend.presence(["nobody", "none"]))["none"].status == "offline"
    assert (await backend.presence(["nobody"], devices=True))["nobody"] == Presence("offline", 0, "")
    for act in (backend.mute, backend.ban):
        await act("oscar", room=room, seconds=60)
    for lift in (backend.unmute, backend.unban):
        await lift("oscar", room=room)
    for per_day in (5, None):
        await backend.allow_rooms("oscar", per_day)
        await backend.allow_bytes("oscar", per_day)
    await backend.emit_to_user("oscar", "ticket", {"state": "open"})
    await backend.emit_to_room(room, "ticket")
    await backend.emit_to_all("maintenance")
    await backend.set_profile("oscar", name="Oscar", picture="https://x.example/o", data={"n": 1})
    await backend.set_profile("oscar", picture="")
    assert tuple(await backend.profile("oscar")) == ("oscar", "Oscar", "", {"n": 1})
    await backend.disconnect("oscar")
    await backend.revoke_user("oscar", seconds=60)
    await backend.revoke_token("jti", seconds=60)
    await backend.revoke_session("sid", seconds=60)
    assert await backend.reports(after="9999999999999-0") == []
    await backend.resolve_report("1-1")
    assert (await backend.cluster()).connections >= 0


@pytest.mark.usefixtures("signer")
async def test_a_back_end_uploads_a_file(backend: AnyBackend, room: str) -> None:
    form = await backend.sign_upload("ada", room, "a.txt", type="text/plain", size=3)
    async with httpx.AsyncClient(trust_env=False) as client:
        sent = await client.post(form["url"], data=form["fields"], files={"file": b"abc"})
    assert sent.is_success
    done = await backend.complete_upload("ada", form["upload"])
    assert done["media"]["size"] == 3
    assert (await backend.upload_url("ada", form["upload"]))["url"].startswith("http")
    await backend.publish(room, "ada", upload=form["upload"], kind="text")
    (message,) = (await backend.history(room)).messages
    assert (message["kind"], message["media"]) == ("media", done["media"])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda b, room: b.publish("no room", "ada", "x"), Code.BAD_REQUEST),
        (lambda b, room: b.publish("", "ada", "x"), Code.BAD_REQUEST),
        (lambda b, room: b.publish(room, "a b", "x"), Code.BAD_REQUEST),
        (lambda b, room: b.publish(room, "ada"), Code.BAD_REQUEST),
        (lambda b, room: b.publish(room, "ada", "\ud800"), Code.BAD_REQUEST),
        (lambda b, room: b.publish(room, "ada", "\u20ac" * 6_000), Code.TOO_LARGE),
        (lambda b, room: b.publish(room, "ada", "x", id="a b"), Code.BAD_REQUEST),
        (lambda b, room: b.publish(room, "ada", "x", data={"n": "y" * 5_000}), Code.TOO_LARGE),
        (lambda b, room: b.publish(room, "ada", upload="unknown-upload"), Code.UPLOAD_EXPIRED),
        (lambda b, room: b.publish(room, "ada", "x", mentions=["eve"]), Code.FORBIDDEN),
        (lambda b, room: b.history(room, before=1, after=1), Code.BAD_REQUEST),
        (lambda b, room: b.history(room, limit=0), Code.BAD_REQUEST),
        (lambda b, room: b.edit(room, "ada", 7, "x"), Code.NOT_FOUND),
        (lambda b, room: b.react(room, "ada", 7, "\u200b"), Code.BAD_REQUEST),
        (lambda b, room: b.create_room("dm:a:b", "a"), Code.FORBIDDEN),
        (lambda b, room: b.grant(room, "ada"), Code.NOT_FOUND),
        (lambda b, room: b.emit_to_room(room, "no name"), Code.BAD_REQUEST),
        (lambda b, room: b.emit_to_user("ada", "x", {"n": "y" * 5_000}), Code.TOO_LARGE),
        (lambda b, room: b.room(room), Code.NOT_FOUND),
        (lambda b, room: b.members(room, cursor="x"), Code.BAD_REQUEST),
        (lambda b, room: b.complete_upload("ada", "x y"), Code.BAD_REQUEST),
        (lambda b, room: b.upload_url("ada", "unknown-upload"), Code.NOT_FOUND),
        (lambda b, room: b.revoke_user("ada", seconds=0.5), Code.BAD_REQUEST),
        (lambda b, room: b.revoke_token(""), Code.BAD_REQUEST),
        (lambda b, room: b.mute("a b"), Code.BAD_REQUEST),
        (lambda b, room: b.presence(["a b"]), Code.BAD_REQUEST),
    ],
)
async def test_both_clients_raise_the_same_error_code(backend: AnyBackend, room: str, call: Call, code: Code) -> None:
    with pytest.raises(RoomcastError) as caught:
        await call(backend, room)
    assert caught.value.code is code


async def test_a_token_is_signed_over_http(api: apis.Api) -> None:
    async with http_backend.connect(api.url, api.key) as backend:
        assert (await backend.sign_token("ada", name="Ada", rooms=["team:*"])).count(".") == 2


async def test_a_key_without_the_scope_is_forbidden(api: apis.Api, api_redis: Callable[[str], str]) -> None:
    key = await apis.make_key(api_redis("admin"), "messages:read", name="reader")
    async with http_backend.connect(api.url, key) as backend:
        with pytest.raises(RoomcastError, match="messages:write") as caught:
            await backend.publish("team:x", "ada", "x")
    assert caught.value.code is Code.FORBIDDEN


async def test_an_unreachable_api_is_unavailable() -> None:
    async with http_backend.connect(f"http://127.0.0.1:{servers.free_port()}", "rck_x") as backend:
        with pytest.raises(RoomcastError) as caught:
            await backend.cluster()
    assert (caught.value.code, caught.value.code.retryable) == (Code.UNAVAILABLE, True)


@pytest.mark.parametrize(("status", "code"), [(502, Code.UNAVAILABLE), (500, Code.OUTCOME_UNKNOWN)])
async def test_the_error_page_of_a_proxy_becomes_a_coded_error(status: int, code: Code) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, text="<html>"))
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        with pytest.raises(RoomcastError) as caught:
            await HttpBackend(client).publish("team:x", "ada", "x")
    assert caught.value.code is code
