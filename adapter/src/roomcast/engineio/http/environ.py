"""Build the WSGI-like environment that python-socketio keeps for each client.

The environment stays in memory until its client disconnects. For a WebSocket that was opened without aiohttp (see
`listener.py`), the headers are kept as text until the environment is read. python-engineio also stores
`aiohttp.request`. This module leaves it out, because it would keep 10 KiB per client in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from sys import intern
from typing import Any

from roomcast.engineio.http.handshake import Request
from roomcast.engineio.websocket.opening import Opening

_MAX_INTERNED_LENGTH = 256
"""Header values up to this many characters are interned, because many clients send the same values."""
_LEFT_OUT = frozenset({"SEC_WEBSOCKET_KEY", "SEC_WEBSOCKET_EXTENSIONS", "CONNECTION", "UPGRADE", "CONTENT_LENGTH"})


class _LazyEnviron(Mapping[str, Any]):
    """The environment of an opening, built from its header lines when it is first read."""

    __slots__ = ("_environ", "_source")

    def __init__(self, opening: Opening, peer: str, scheme: str) -> None:
        self._source = (intern(opening.path), intern(opening.query_string), peer, scheme, opening.lines)
        self._environ: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        return self._built()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._built())

    def __len__(self) -> int:
        return len(self._built())

    def _built(self) -> dict[str, Any]:
        if self._environ is None:
            path, query, peer, scheme, lines = self._source
            headers = (line.partition(":")[::2] for line in lines.split("\r\n") if line)
            self._environ = _build(path, query, peer, scheme, ((name, value.strip(" \t")) for name, value in headers))
        return self._environ


def build(request: Request, peer: str, scheme: str) -> Mapping[str, Any]:
    """Return the environment of a handshake; `peer` is the client's real address."""
    if isinstance(request, Opening):
        return _LazyEnviron(request, peer, scheme)
    return _build(intern(request.path), intern(request.query_string), peer, scheme, request.headers.items())


def _build(path: str, query: str, peer: str, scheme: str, headers: Iterable[tuple[str, str]]) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "aiohttp",
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": scheme,
    }
    for name, value in headers:
        key = _key(name)
        if key is not None:
            joined = f"{environ[key]},{value}" if key in environ else str(value)
            environ[key] = intern(joined) if len(joined) <= _MAX_INTERNED_LENGTH else joined
    return environ


@lru_cache(maxsize=256)
def _key(name: str) -> str | None:
    """Return the key of a header; None for a header that is left out."""
    key = name.upper().replace("-", "_")
    if key in _LEFT_OUT:
        return None
    return intern(key if key == "CONTENT_TYPE" else f"HTTP_{key}")
