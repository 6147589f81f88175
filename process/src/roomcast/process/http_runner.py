"""Make aiohttp servers on which useless or hostile requests cost little time and memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

_NOT_FOUND: Final = "404: Not Found"
_BAD_METHOD: Final = "405: Method Not Allowed"


def make_runner(application: web.Application, **options: Any) -> web.AppRunner:
    """Return the runner of an application that has all its routes; `options` are for `web.AppRunner`.

    - aiohttp by default unpacks compressed bodies, even a body that no handler reads. A kilobyte may then block the
      event loop for a second. Clients of these servers send no compressed bodies, so unpacking is off.
    - aiohttp raises an exception for unknown paths and methods. The exception refers to itself through its traceback,
      so the request stays in memory until a garbage collection. A route for all paths answers without an exception.
    """
    answer = _answer_unknown(_methods_of(application))
    application.router.add_route("*", "/{path:.*}", answer, expect_handler=answer)
    return web.AppRunner(application, access_log=None, auto_decompress=False, **options)


def _methods_of(application: web.Application) -> dict[str, list[str]]:
    """Return the methods of each path, for paths without variable parts."""
    methods: dict[str, list[str]] = defaultdict(list)
    for route in application.router.routes():
        if isinstance(route.resource, web.PlainResource):
            methods[route.resource.canonical].append(route.method)
    return dict(methods)


def _answer_unknown(methods: dict[str, list[str]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return the handler of requests without a route; it answers 405 for the paths in `methods`, and 404 for others."""

    async def answer(request: web.Request) -> web.Response:
        allowed = methods.get(request.path)
        if allowed is None:
            return web.Response(status=404, text=_NOT_FOUND)
        return web.Response(status=405, text=_BAD_METHOD, headers={"Allow": ", ".join(sorted(allowed))})

    return answer
