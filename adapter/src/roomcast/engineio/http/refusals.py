"""The error answers to refused requests, with the error codes of the Engine.IO reference server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

from aiohttp import web


class Refusal(NamedTuple):
    """An error answer to a request.

    `status` is the HTTP status, `code` the Engine.IO error code, `retry_after` the seconds after which the client may
    try again (0: no such header). `reason` labels the refusal in metrics; with `retry_after` the body contains it, too.
    """

    status: int
    code: int
    message: str
    retry_after: int = 0
    reason: str = "request"


UNAUTHORIZED: Final = Refusal(401, 4, "Unauthorized", reason="unauthorized")
UNKNOWN_TRANSPORT: Final = Refusal(400, 0, "Transport unknown")
UNKNOWN_SESSION: Final = Refusal(400, 1, "Session ID unknown")
BAD_METHOD: Final = Refusal(400, 2, "Bad handshake method")
BAD_REQUEST: Final = Refusal(400, 3, "Bad request")
FORBIDDEN_ORIGIN: Final = Refusal(403, 4, "Origin not allowed", reason="origin")
UNSUPPORTED_VERSION: Final = Refusal(400, 5, "Unsupported protocol version")
PAYLOAD_TOO_LARGE: Final = Refusal(413, 3, "Payload too large")
TOO_MANY_PACKETS: Final = Refusal(429, 3, "Too many packets", 1, "flood")
TOO_MANY_PENDING: Final = Refusal(429, 4, "Too many sessions without a connect from this address", 5, "pending")
DRAINING: Final = Refusal(503, 4, "The server is draining: connect again", 1, "draining")


def refusal_response(refusal: Refusal) -> web.Response:
    """Return the HTTP answer of a refusal."""
    return web.Response(
        status=refusal.status, text=_body(refusal), content_type="application/json", headers=_headers(refusal)
    )


def refusal_bytes(refusal: Refusal, headers: Mapping[str, str]) -> bytes:
    """Return the answer as raw HTTP/1.1 bytes with `Connection: close` and additional `headers`."""
    body = _body(refusal)
    lines = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **_headers(refusal),
        **headers,
    }
    head = f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"
    return "\r\n".join((head, *(f"{name}: {value}" for name, value in lines.items()), "", body)).encode()


def _body(refusal: Refusal) -> str:
    body: dict[str, int | str] = {"code": refusal.code, "message": refusal.message}
    if refusal.retry_after:
        body["reason"] = refusal.reason
    return json.dumps(body, separators=(",", ":"))


def _headers(refusal: Refusal) -> dict[str, str]:
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_after:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == 426:
        headers["Sec-WebSocket-Version"] = "13"
    return headers
