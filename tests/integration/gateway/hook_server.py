"""A real HTTP endpoint for the publish hook. It records the requests, and answers as a test has set."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from roomcast.contract.signatures import is_signed
from tests import servers

SECRET = "the secret of the hook in these tests"
ACCEPT: dict[str, Any] = {"action": "accept"}

Answer = Callable[[dict[str, Any]], Awaitable[web.StreamResponse]]


async def accept(_: dict[str, Any]) -> web.StreamResponse:
    return web.json_response(ACCEPT)


class HookServer:
    """The endpoint. A test may replace `answer` at any time."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}/hook"
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = accept
        self.at_once = 0
        self.most_at_once = 0
        self._runner: web.AppRunner | None = None

    def setting(self, **more: Any) -> str:
        """Return the value of ROOMCAST_PUBLISH_HOOK for this endpoint, with `more` settings."""
        given = {"url": self.url, "secret": SECRET, "on_failure": "refuse", "allow_private": True}
        return json.dumps(given | more)

    async def start(self) -> None:
        application = web.Application()
        application.router.add_post("/hook", self._handle)
        application.router.add_route("*", "/elsewhere", self._elsewhere)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        assert is_signed(SECRET, request.headers, body, time.time()), request.headers
        message: dict[str, Any] = json.loads(body)
        self.asked.append(message)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.answer(message)
        finally:
            self.at_once -= 1

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        raise AssertionError("a redirect was followed")


@asynccontextmanager
async def hook_server(port: int = 0) -> AsyncIterator[HookServer]:
    """Run an endpoint on `port`, or on a free port if `port` is 0."""
    server = HookServer(port or servers.free_port())
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def redirect(_: dict[str, Any]) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "/elsewhere"})


async def fail(_: dict[str, Any]) -> web.StreamResponse:
    return web.Response(status=500)


async def nonsense(_: dict[str, Any]) -> web.StreamResponse:
    return web.Response(text="OK")


async def too_much(_: dict[str, Any]) -> web.StreamResponse:
    return web.json_response({**ACCEPT, "padding": "x" * 200_000})


async def never(_: dict[str, Any]) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError
