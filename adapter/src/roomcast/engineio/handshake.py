"""The HTTP side of opening a session: what a request asks for, and whether it may."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from multidict import MultiMapping

from roomcast.engineio.origins import Origins
from roomcast.engineio.peers import Peers
from roomcast.engineio.rfc6455 import HandshakeError, accept

_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
)


class Caller(NamedTuple):
    """Where a request comes from: the client's address, how it reached us (or the trusted proxy), and its query."""

    peer: str
    scheme: str
    hosts: tuple[str, ...]
    query_string: str = ""


class Request(Protocol):
    """A request of aiohttp, or an `Opening`."""

    @property
    def headers(self) -> MultiMapping[str]: ...

    @property
    def remote(self) -> str | None: ...

    @property
    def scheme(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def query_string(self) -> str: ...


def identify(request: Request, peers: Peers) -> Caller:
    """Forwarding headers count only when a trusted proxy sent them."""
    headers = request.headers
    remote = request.remote or ""
    scheme = request.scheme
    hosts: tuple[str, ...] = (headers.get("Host", ""),)
    if peers.is_trusted(remote):
        scheme = headers.get("X-Forwarded-Proto", scheme).split(",")[0].strip()
        if forwarded := headers.get("X-Forwarded-Host"):
            hosts = (*hosts, forwarded.split(",")[0].strip())
    forwarded_for = ",".join(headers.getall("X-Forwarded-For", ()))
    peer = peers.find(remote, forwarded_for) if forwarded_for else remote
    return Caller(peer, scheme, hosts, request.query_string)


def is_allowed(request: Request, caller: Caller, origins: Origins) -> bool:
    """Is the Origin of the page behind this request accepted? More than one Origin header is no browser's."""
    listed = request.headers.getall("Origin", [])
    return len(listed) < 2 and origins.accepts(listed[0] if listed else None, caller.scheme, caller.hosts)


def wants_websocket(request: Request) -> bool:
    tokens = {token.strip().lower() for token in request.headers.get("Connection", "").split(",")}
    return "upgrade" in tokens and request.headers.get("Upgrade", "").lower() == "websocket"


def switching_protocols(request: Request) -> bytes:
    """The 101 answer to a WebSocket handshake (RFC 6455, section 4.2.2), without extensions or subprotocols.

    Raises HandshakeError: 400, or 426 for another version than 13.
    """
    if request.headers.get("Sec-WebSocket-Version") != "13":
        raise HandshakeError("Sec-WebSocket-Version must be 13", 426)
    return _SWITCHING % accept(request.headers.get("Sec-WebSocket-Key", "")).encode()
