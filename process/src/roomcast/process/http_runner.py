"""Make aiohttp servers that spend little on what a stranger sends."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

_NOT_FOUND: Final = "404: Not Found"


def make_runner(application: web.Application, **options: Any) -> web.AppRunner:
    """Return the runner of an application that has all its routes; `options`: those of `web.AppRunner`.

    - aiohttp unpacks compressed bodies by default, also those that no handler reads. A kilobyte may then cost a second
      of the event loop. Clients of these servers send no compressed bodies.
    - aiohttp raises an exception for unknown paths and methods. It refers to itself by its traceback, so the memory of
      the request stays until a garbage collection. A route for all paths answers without an exception.
    """
    application.router.add_route("*", "/{path:.*}", _answer_unknown, expect_handler=_answer_unknown)
    return web.AppRunner(application, access_log=None, auto_decompress=False, **options)


async def _answer_unknown(_: web.Request) -> web.Response:
    return web.Response(status=404, text=_NOT_FOUND)
