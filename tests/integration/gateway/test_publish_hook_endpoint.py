"""The HTTP client of the publish hook against a real server: each failure has its own kind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from roomcast.gateway.publish_hook.endpoint import HookEndpoint, HookFailed
from roomcast.gateway.publish_hook.settings import PublishHookSettings
from tests import servers
from tests.integration.gateway.hook_server import (
    ACCEPT,
    SECRET,
    Answer,
    HookServer,
    fail,
    hook_server,
    never,
    redirect,
    too_much,
)
from tests.waiting import until

BODY = b'{"event":"send"}'


@asynccontextmanager
async def endpoint(server: HookServer, **more: Any) -> AsyncIterator[HookEndpoint]:
    asked = HookEndpoint(PublishHookSettings.model_validate_json(server.setting(**({"deadline_seconds": 5} | more))))
    try:
        yield asked
    finally:
        await asked.close()


async def failure(asked: HookEndpoint) -> str:
    with pytest.raises(HookFailed) as caught:
        await asked.ask(BODY)
    return caught.value.kind


async def test_a_signed_request_gets_its_answer() -> None:
    async with hook_server() as server, endpoint(server) as asked:
        assert json.loads(await asked.ask(BODY)) == ACCEPT
        assert server.asked == [{"event": "send"}]


@pytest.mark.parametrize(("answer", "kind"), [(redirect, "redirect"), (fail, "status"), (too_much, "too_large")])
async def test_an_invalid_answer_is_a_failure_of_its_own_kind(answer: Answer, kind: str) -> None:
    async with hook_server() as server, endpoint(server) as asked:
        server.answer = answer
        assert await failure(asked) == kind


async def test_a_missing_answer_fails_at_the_deadline() -> None:
    async with hook_server() as server, endpoint(server, deadline_seconds=0.2) as asked:
        server.answer = never
        assert await failure(asked) == "deadline"


async def test_an_answer_whose_body_does_not_end_fails_at_the_deadline() -> None:
    async def slow_body(_: dict[str, Any]) -> web.StreamResponse:
        return web.Response(body=_drops())

    async with hook_server() as server, endpoint(server, deadline_seconds=0.3) as asked:
        server.answer = slow_body
        assert await failure(asked) == "deadline"


async def _drops() -> AsyncIterator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.02)


async def test_a_compressed_answer_is_not_unpacked() -> None:
    """A few bytes may unpack to gigabytes."""

    async def packed(_: dict[str, Any]) -> web.StreamResponse:
        return web.Response(body=b"\x1f\x8b packed", headers={"Content-Encoding": "gzip"})

    async with hook_server() as server, endpoint(server) as asked:
        server.answer = packed
        assert await asked.ask(BODY) == b"\x1f\x8b packed"


async def test_an_endpoint_that_is_down_is_unreachable_until_it_is_up_again() -> None:
    async with hook_server() as server, endpoint(server) as asked:
        await asked.ask(BODY)
        await server.stop()
        assert await failure(asked) == "unreachable"
        await server.start()
        assert json.loads(await asked.ask(BODY)) == ACCEPT


async def test_an_endpoint_with_a_private_address_is_refused() -> None:
    url = f"https://localhost:{servers.free_port()}/hook"
    settings = PublishHookSettings(url=url, secret=SECRET, on_failure="refuse")  # type: ignore[arg-type]
    asked = HookEndpoint(settings)
    try:
        assert await failure(asked) == "private_address"
    finally:
        await asked.close()


async def test_concurrent_and_waiting_requests_are_limited() -> None:
    async with hook_server() as server, endpoint(server, concurrent=2, deadline_seconds=5) as asked:
        gate = asyncio.Event()

        async def held(_: dict[str, Any]) -> web.StreamResponse:
            await gate.wait()
            return web.json_response(ACCEPT)

        server.answer = held
        waiting = [asyncio.ensure_future(asked.ask(BODY)) for _ in range(8)]
        await asyncio.sleep(0)
        assert await failure(asked) == "busy"
        await until(lambda: server.at_once == 2, "two requests at once")
        gate.set()
        await asyncio.gather(*waiting)
        assert (server.most_at_once, len(server.asked)) == (2, 8)


async def test_a_request_that_gets_no_turn_by_the_deadline_is_no_failure_of_the_endpoint() -> None:
    async with hook_server() as server, endpoint(server, concurrent=1, deadline_seconds=0.3) as asked:
        server.answer = never
        kinds = await asyncio.gather(*(failure(asked) for _ in range(4)))
        assert kinds[0] == "deadline"
        assert kinds.count("busy") >= 2, "when the first request ends, only one other gets its turn"
