"""The client's side of each kind of server: where to connect, how to join, how to publish. Pure.

A handshake is a list of steps; after each step's `send`, the client waits for a text that starts with `expect`.
"""

from __future__ import annotations

import json
import time
from typing import Final, NamedTuple, Protocol

import jwt

from loadtest.bench.workloads import Member

SOCKETIO_TARGET: Final = "/socket.io/?EIO=4&transport=websocket"
TOKEN_SECONDS: Final = 6 * 3600


class Step(NamedTuple):
    """One step: send `send` unless empty, then wait for a text that starts with `expect` and contains `holds`."""

    send: bytes
    expect: bytes
    holds: bytes = b""


class Signs(NamedTuple):
    """The contents of texts other than deliveries. `many_per_frame`: a frame may have several texts, one per line."""

    ping: bytes = b"2"
    pong: bytes = b"3"
    refusal: bytes = b'"ok":false'
    many_per_frame: bool = False


class Dialect(Protocol):
    """The client's protocol for one kind of server."""

    @property
    def signs(self) -> Signs: ...

    def target(self, who: Member) -> str:
        """Return the request target of the WebSocket handshake."""

    def steps(self, who: Member) -> tuple[Step, ...]:
        """Return the steps that make a new WebSocket a member of its room."""

    def publish(self, who: Member, count: int, text: str) -> bytes:
        """Return the bytes that send message number `count` of this client to its room."""


class SocketIo:
    """Socket.IO servers except Roomcast. A client joins the room that its CONNECT names; event `m` is relayed."""

    signs = Signs()

    def target(self, who: Member) -> str:
        return SOCKETIO_TARGET

    def steps(self, who: Member) -> tuple[Step, ...]:
        auth = json.dumps({"room": f"r{who.room}"}, separators=(",", ":"))
        return (Step(b"", b"0"), Step(b"40" + auth.encode(), b"40"))

    def publish(self, who: Member, count: int, text: str) -> bytes:
        return f'42["m",{{"room":"r{who.room}","text":"{text}"}}]'.encode()


class Nchan:
    """nchan: the path names the room; a published text is delivered unchanged."""

    signs = Signs()

    def target(self, who: Member) -> str:
        return f"/room/r{who.room}"

    def steps(self, who: Member) -> tuple[Step, ...]:
        return ()

    def publish(self, who: Member, count: int, text: str) -> bytes:
        return text.encode()


class Roomcast:
    """Roomcast: a signed token, a room joined with history, every message acked and logged."""

    signs = Signs()

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._expires = int(time.time()) + TOKEN_SECONDS

    def target(self, who: Member) -> str:
        return SOCKETIO_TARGET

    def steps(self, who: Member) -> tuple[Step, ...]:
        claims = {"sub": f"bench{who.number}", "name": f"Bench {who.number}", "exp": self._expires}
        auth = json.dumps({"token": jwt.encode(claims, self._secret, algorithm="HS256")}, separators=(",", ":"))
        join = f'420["room:join",{{"room":"public:r{who.room}"}}]'
        return (Step(b"", b"0"), Step(b"40" + auth.encode(), b"40"), Step(join.encode(), b"430[", b'"ok":true'))

    def publish(self, who: Member, count: int, text: str) -> bytes:
        head = f'42{count}["message:send",{{"room":"public:r{who.room}","id":"b{who.number}-{count}","text":"'
        return f'{head}{text}"}}]'.encode()


class Centrifugo:
    """Centrifugo's JSON protocol: a signed token, a channel per room, every publish acked, pings as JSON messages."""

    signs = Signs(ping=b"{}", pong=b"{}", refusal=b'"error":', many_per_frame=True)

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._expires = int(time.time()) + TOKEN_SECONDS

    def target(self, who: Member) -> str:
        return "/connection/websocket"

    def steps(self, who: Member) -> tuple[Step, ...]:
        claims = {"sub": f"bench{who.number}", "exp": self._expires}
        token = jwt.encode(claims, self._secret, algorithm="HS256")
        return (
            Step(f'{{"id":1,"connect":{{"token":"{token}"}}}}'.encode(), b'{"id":1,', b'"connect":'),
            Step(f'{{"id":2,"subscribe":{{"channel":"r{who.room}"}}}}'.encode(), b'{"id":2,', b'"recoverable":true'),
        )

    def publish(self, who: Member, count: int, text: str) -> bytes:
        return f'{{"id":{count + 2},"publish":{{"channel":"r{who.room}","data":{{"text":"{text}"}}}}}}'.encode()


def dialect(name: str, secret: str = "") -> Dialect:
    """Return the dialect of that name; raise KeyError for an unknown one."""
    if name == "roomcast":
        return Roomcast(secret)
    if name == "centrifugo":
        return Centrifugo(secret)
    known: dict[str, Dialect] = {"socketio": SocketIo(), "nchan": Nchan()}
    return known[name]
