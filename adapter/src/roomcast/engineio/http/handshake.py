"""The HTTP side of opening a session: identify the caller, check the origin, answer an upgrade."""

from __future__ import annotations

import re
from typing import Final, NamedTuple, Protocol

from multidict import MultiMapping

from roomcast.engineio.http.origins import Origins
from roomcast.engineio.limits.client_addresses import Peers
from roomcast.engineio.websocket.rfc6455 import HandshakeError, accept

_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
    b"%b\r\n"
)
_SCHEMES: Final = {"ws": "http", "wss": "https"}
_FORWARDED: Final = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")


class Caller(NamedTuple):
    """The sender of a request: the client's address, the scheme and hosts of the request, and its query."""

    peer: str
    scheme: str
    hosts: tuple[str, ...]
    query_string: str = ""
    is_proxied: bool = False
    """True when a trusted proxy sent the request with forwarding headers."""


class Request(Protocol):
    """A request of aiohttp, or an `Opening`."""

    @property
    def headers(self) -> MultiMapping[str]:
        """The headers. Their names are case-insensitive."""
        ...

    @property
    def remote(self) -> str | None:
        """The address of the peer."""
        ...

    @property
    def scheme(self) -> str:
        """`http` or `https`, as this server sees it."""
        ...

    @property
    def path(self) -> str:
        """The path, decoded."""
        ...

    @property
    def query_string(self) -> str:
        """The query, as it was sent."""
        ...


def identify(request: Request, peers: Peers) -> Caller:
    """Return the caller of a request. Forwarding headers count only if a trusted proxy sent them."""
    headers = request.headers
    remote = request.remote or ""
    scheme = request.scheme
    hosts: tuple[str, ...] = (headers.get("Host", ""),)
    is_proxied = peers.is_trusted(remote) and any(name in headers for name in _FORWARDED)
    if is_proxied:
        scheme = headers.get("X-Forwarded-Proto", scheme).split(",")[0].strip().lower()
        if forwarded := headers.get("X-Forwarded-Host"):
            hosts = (*hosts, forwarded.split(",")[0].strip())
    forwarded_for = ",".join(headers.getall("X-Forwarded-For", ()))
    peer = peers.find(remote, forwarded_for) if forwarded_for else remote
    return Caller(peer, _SCHEMES.get(scheme, scheme), hosts, request.query_string, is_proxied)


def names_one_host(request: Request) -> bool:
    """Tell whether the request has exactly one Host, as RFC 9112, section 3.2, demands."""
    return len(request.headers.getall("Host", ())) == 1


def is_allowed(request: Request, caller: Caller, origins: Origins) -> bool:
    """Tell whether the web page that sent this request may use the server.

    Two Origin headers are refused, because no browser sends them.
    """
    listed = request.headers.getall("Origin", [])
    origin = listed[0] if listed else None
    return len(listed) < 2 and origins.accepts(origin, caller.scheme, caller.hosts, is_proxied=caller.is_proxied)


def wants_websocket(request: Request) -> bool:
    """Tell whether the request asks for an upgrade to WebSocket."""
    tokens = {token.strip().lower() for token in request.headers.get("Connection", "").split(",")}
    return "upgrade" in tokens and request.headers.get("Upgrade", "").lower() == "websocket"


def switching_protocols(request: Request) -> bytes:
    """Return the 101 answer to a WebSocket handshake (RFC 6455, section 4.2.2), without extensions.

    The server accepts the first subprotocol that the client offers. Subprotocols have no meaning here, but a browser
    fails the connection if the server accepts none. Raise HandshakeError: 400, or 426 for a version other than 13.
    """
    if request.headers.get("Sec-WebSocket-Version") != "13":
        raise HandshakeError("Sec-WebSocket-Version must be 13", 426)
    offered = request.headers.get("Sec-WebSocket-Protocol", "").partition(",")[0].strip()
    protocol = f"Sec-WebSocket-Protocol: {offered}\r\n" if _TOKEN.fullmatch(offered) else ""
    return _SWITCHING % (accept(request.headers.get("Sec-WebSocket-Key", "")).encode(), protocol.encode())
