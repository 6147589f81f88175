"""Guard the application: give each request an id, limit bodies and concurrent requests, and answer all exceptions.

The guard reads the whole body before the application runs, up to `MAX_BODY_BYTES` and `BODY_SECONDS`. So a slow or
endless body occupies no handler, and the application never gets a body that is too large. `admit` may refuse a request
before its body is read, and again before the application parses the body.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roomcast.api.problems import REQUEST_ID, describe, respond
from roomcast.contract.errors import Code, RoomcastError

MAX_BODY_BYTES: Final = 2_097_152
"""The most bytes of a body: enough for a batch of 100 messages of 16 KiB each, with field names and escapes."""

MAX_HELD_BYTES: Final = 33_554_432
"""The most bytes of all bodies in memory together, because a process has little memory."""

MAX_KEY_BYTES: Final = MAX_HELD_BYTES // 2
"""The most bytes of all bodies of one API key together, so that one key cannot keep out the bodies of all others."""

BODY_SECONDS: Final = 10.0
MAX_IN_FLIGHT: Final = 500
KEY_ID: Final = "key_id"
"""The name of the API key's id in the state of the ASGI scope."""

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Observer(Protocol):
    """The observer of the guard; see `roomcast.api.metrics.Metrics`."""

    def answered(self, method: str, route: str, status: int, seconds: float, request_id: str, key: str) -> None:
        """Report an answered request with its status, and the time from its start to its answer."""
        ...

    def in_flight(self, count: int) -> None:
        """Report how many requests are being answered."""
        ...

    def fault(self, error: Exception, request_id: str) -> None:
        """Report an exception of the application that has no error code."""
        ...


class Admit(Protocol):
    """Decides about requests with a body, before the application runs. Both methods raise RoomcastError to refuse."""

    async def before_body(self, scope: Scope) -> None:
        """Check that the body may be read. Store the id of the API key as KEY_ID in the scope's state."""
        ...

    async def after_body(self, scope: Scope, size: int) -> None:
        """Check that the application may parse the body, which has `size` bytes."""
        ...


class _Answer:
    """The send channel of one request. It adds the request's id, and remembers the status."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = request_id.encode()
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self._id)]
        await self._send(message)


class Guard:
    """The ASGI application that wraps the API and enforces the rules of this module."""

    def __init__(
        self,
        application: ASGIApp,
        observer: Observer,
        *,
        max_body_bytes: int = MAX_BODY_BYTES,
        admit: Admit | None = None,
    ) -> None:
        """Wrap `application`. `admit` refuses requests before their bodies are read or parsed."""
        self._application = application
        self._admit = admit
        self._observer = observer
        self._max_body = max_body_bytes
        self._in_flight = 0
        self._held_bytes = 0
        self._held_of: Counter[str] = Counter()
        """Id of an API key -> the bytes of the key's bodies in memory."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request. Other ASGI scopes go to the application, which refuses WebSockets."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        scope["state"] = {**scope.get("state", {}), REQUEST_ID: request_id}
        answer = _Answer(send, request_id)
        self._count(1)
        try:
            await self._serve(scope, receive, answer, request_id)
        finally:
            self._count(-1)
            seconds = time.perf_counter() - started
            key = scope["state"].get(KEY_ID, "")
            self._observer.answered(scope["method"], _route(scope), answer.status, seconds, request_id, key)

    def _count(self, change: int) -> None:
        self._in_flight += change
        self._observer.in_flight(self._in_flight)

    async def _serve(self, scope: Scope, receive: Receive, answer: _Answer, request_id: str) -> None:
        try:
            if self._in_flight > MAX_IN_FLIGHT:
                raise RoomcastError(Code.UNAVAILABLE, "too many requests at once", retry_after=1.0)
            if _announced(scope) > self._max_body:
                raise self._too_large()
            if self._admit is not None and _has_body(scope):
                await self._admit.before_body(scope)
            async with self._body(scope, receive) as body:
                if self._admit is not None and body:
                    await self._admit.after_body(scope, len(body))
                await self._application(scope, _replay(body, receive), answer)
        except RoomcastError as error:
            if not answer.status:
                await respond(describe(error, request_id), {"Connection": "close"})(scope, receive, answer)
        except Exception as error:
            self._observer.fault(error, request_id)
            if not answer.status:
                await respond(describe(RoomcastError(Code.INTERNAL), request_id))(scope, receive, answer)

    @asynccontextmanager
    async def _body(self, scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
        """Yield the body. It counts towards MAX_HELD_BYTES until the end of the context.

        Raise TOO_LARGE for a large body, UNAVAILABLE if all bodies together are too large, and BAD_REQUEST for a late
        or incomplete body.
        """
        body, key = bytearray(), scope["state"].get(KEY_ID, "")
        try:
            await self._read_parts(receive, body, key)
            yield bytes(body)
        finally:
            self._held_bytes -= len(body)
            self._held_of[key] -= len(body)
            if not self._held_of[key]:
                del self._held_of[key]

    async def _read_parts(self, receive: Receive, body: bytearray, key: str) -> None:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while await self._read_part(receive, body, key):
                    pass
        except TimeoutError:
            raise RoomcastError(Code.BAD_REQUEST, f"the body did not come within {BODY_SECONDS:g} s") from None

    async def _read_part(self, receive: Receive, body: bytearray, key: str) -> bool:
        """Add the next part to a body of an API key. Return whether more parts follow."""
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RoomcastError(Code.BAD_REQUEST, "the body is incomplete")
        part = message.get("body", b"")
        if len(body) + len(part) > self._max_body:
            raise self._too_large()
        if self._held_bytes + len(part) > MAX_HELD_BYTES or self._held_of[key] + len(part) > MAX_KEY_BYTES:
            raise RoomcastError(Code.UNAVAILABLE, "too many large bodies at once", retry_after=1.0)
        body += part
        self._held_bytes += len(part)
        self._held_of[key] += len(part)
        return bool(message.get("more_body", False))

    def _too_large(self) -> RoomcastError:
        return RoomcastError(Code.TOO_LARGE, f"a body may have at most {self._max_body} bytes")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return an ASGI receive channel that returns the body once, and then the messages of the connection."""
    is_given = False

    async def channel() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return channel


def header_of(scope: Scope, name: bytes) -> bytes:
    """Return the first value of a header, or empty bytes without it. `name` is in lower case."""
    return next((value for header, value in scope["headers"] if header == name), b"")


def _has_body(scope: Scope) -> bool:
    return _announced(scope) > 0 or bool(header_of(scope, b"transfer-encoding"))


def _announced(scope: Scope) -> int:
    length = header_of(scope, b"content-length")
    return int(length) if length.isdigit() else 0


def _request_id(scope: Scope) -> str:
    """Return the caller's X-Request-Id if it has the form of _REQUEST_ID, else a random id."""
    given = header_of(scope, b"x-request-id")
    return given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _route(scope: Scope) -> str:
    """Return the pattern of the route. The path would give metrics a label for each id."""
    route: Any = scope.get("route")
    return getattr(route, "path", "none")
