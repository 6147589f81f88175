"""The guard around an application: limits, request ids, and an answer for every fault."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from roomcast.api import guard as module
from roomcast.api.guard import Guard
from roomcast.contract.errors import Code, RoomcastError


class Seen:
    """An observer that records the events of the guard."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, int]] = []
        self.counts: list[int] = []
        self.faults: list[Exception] = []

    def answered(self, method: str, route: str, status: int, seconds: float, request_id: str, key: str) -> None:
        self.answers.append((route, status))

    def in_flight(self, count: int) -> None:
        self.counts.append(count)

    def fault(self, error: Exception, request_id: str) -> None:
        self.faults.append(error)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    message = await receive()
    assert not message["more_body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": message["body"]})


async def call(guard: Guard, parts: list[bytes], headers: dict[bytes, bytes] | None = None) -> tuple[Message, bytes]:
    """Send one request in parts; return the head and the body of the answer."""
    left = list(parts)
    sent: list[Message] = []

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/x", "headers": list((headers or {}).items())}
    await guard(scope, receive, send)
    return sent[0], b"".join(message.get("body", b"") for message in sent[1:])


async def test_the_application_gets_the_whole_body() -> None:
    seen = Seen()
    head, body = await call(Guard(echo, seen), [b"one ", b"two"], {b"x-request-id": b"mine"})
    assert (head["status"], body) == (200, b"one two")
    assert (b"x-request-id", b"mine") in head["headers"]
    assert (seen.answers, seen.counts) == ([("none", 200)], [1, 0])


@pytest.mark.parametrize("headers", [{}, {b"content-length": b"11"}])
async def test_a_body_above_the_bound_is_refused(headers: dict[bytes, bytes]) -> None:
    head, body = await call(Guard(echo, Seen(), max_body_bytes=10), [b"123456", b"78901"], headers)
    assert (head["status"], json.loads(body)["reason"]) == (413, "too_large")


async def test_a_body_that_does_not_arrive_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BODY_SECONDS", 0.01)
    head, body = await call(Guard(echo, Seen()), [])
    assert (head["status"], json.loads(body)["reason"]) == (400, "bad_request")


async def test_the_bodies_of_all_requests_share_one_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HELD_BYTES", 10)
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await echo(scope, receive, send)

    guard = Guard(slow, Seen())
    first = asyncio.get_running_loop().create_task(call(guard, [b"12345", b"67"]))
    await asyncio.sleep(0)
    head, body = await call(guard, [b"1234"])
    assert (head["status"], json.loads(body)["reason"]) == (503, "unavailable")
    release.set()
    assert (await first)[1] == b"1234567"
    assert (await call(guard, [b"1234567890"]))[0]["status"] == 200


class KeyOfHeader:
    """An `Admit` that takes the header `key` as the id of the API key, and accepts every request."""

    async def before_body(self, scope: Scope) -> None:
        scope["state"][module.KEY_ID] = module.header_of(scope, b"key").decode()

    async def after_body(self, scope: Scope, size: int) -> None: ...


async def test_the_bodies_of_one_key_do_not_keep_out_those_of_other_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_HELD_BYTES", 20)
    monkeypatch.setattr(module, "MAX_KEY_BYTES", 10)
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await echo(scope, receive, send)

    guard = Guard(slow, Seen(), admit=KeyOfHeader())
    one, other = ({b"key": key, b"content-length": b"9"} for key in (b"one", b"other"))
    waiting = [asyncio.get_running_loop().create_task(call(guard, [b"123456789"], key)) for key in (one, other)]
    await asyncio.sleep(0)
    assert (await call(guard, [b"12"], one))[0]["status"] == 503
    release.set()
    assert [head["status"] for head, _ in await asyncio.gather(*waiting)] == [200, 200]
    assert (await call(guard, [b"1234567890"], one))[0]["status"] == 200


@pytest.mark.parametrize("error", [KeyError("a secret"), TimeoutError("a secret")])
async def test_an_exception_is_answered_without_its_text(error: Exception) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    seen = Seen()
    head, body = await call(Guard(broken, seen), [b""])
    assert (head["status"], json.loads(body)["code"]) == (500, Code.INTERNAL.number)
    assert b"secret" not in body
    assert seen.faults == [error]


async def test_an_error_after_the_start_of_the_answer_does_not_change_the_answer() -> None:
    async def late(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RoomcastError(Code.UNAVAILABLE)

    head, body = await call(Guard(late, Seen()), [b""])
    assert (head["status"], body) == (200, b"")


async def test_too_many_requests_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_IN_FLIGHT", 1)
    release = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await echo(scope, receive, send)

    guard = Guard(slow, Seen())
    first = asyncio.get_running_loop().create_task(call(guard, [b""]))
    await asyncio.sleep(0)
    head, body = await call(guard, [b""])
    assert (head["status"], json.loads(body)["retryable"]) == (503, True)
    release.set()
    assert (await first)[0]["status"] == 200
