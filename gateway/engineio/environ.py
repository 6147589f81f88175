"""The WSGI-like environment that python-socketio keeps per client, built small.

It lives as long as the client, so it holds text only (no request, no stream), and names and common values are
shared between clients. `aiohttp.request`, which python-engineio puts in, is not there: it would keep 10 KiB alive.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import Any

from gateway.engineio.handshake import Request

_LEFT_OUT = frozenset({"SEC_WEBSOCKET_KEY", "SEC_WEBSOCKET_EXTENSIONS", "CONNECTION", "UPGRADE", "CONTENT_LENGTH"})
_SHARED_LENGTH = 256


def build(request: Request, peer: str, scheme: str) -> dict[str, Any]:
    """The environment of a handshake; `peer` is the client's real address."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": intern(request.path),
        "QUERY_STRING": intern(request.query_string),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "aiohttp",
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": scheme,
    }
    for name, value in request.headers.items():
        key = _key(name)
        if key is None:
            continue
        joined = f"{environ[key]},{value}" if key in environ else str(value)
        environ[key] = intern(joined) if len(joined) <= _SHARED_LENGTH else joined
    return environ


@lru_cache(maxsize=256)
def _key(name: str) -> str | None:
    """The key of a header; None for one that is left out."""
    key = name.upper().replace("-", "_")
    if key in _LEFT_OUT:
        return None
    return intern(key if key == "CONTENT_TYPE" else f"HTTP_{key}")
