"""Make and parse the Socket.IO v5 packets in Engine.IO v4 text packets that a WebSocket client needs. Pure.

Source: the Socket.IO protocol, version 5 ("Packet encoding") and the Engine.IO protocol, version 4.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

import orjson

PING: Final = "2"
PONG: Final = "3"
Kind = Literal["open", "ping", "close", "connected", "refused", "disconnected", "event", "ack", "other"]
_ENGINE: Final[dict[str, Kind]] = {"0": "open", "1": "close", "2": "ping"}
_SOCKET: Final[dict[str, Kind]] = {"0": "connected", "1": "disconnected", "2": "event", "3": "ack", "4": "refused"}


class Packet(NamedTuple):
    """One packet: `data` is decoded JSON or None; `ack` is the number of an ack, or of an event that expects one."""

    kind: Kind
    ack: int | None = None
    data: Any = None


def decode(text: str) -> Packet:
    """Parse the packet in one text frame; `other` for unused kinds. Raise ValueError for broken JSON."""
    if text[:1] != "4":
        kind = _ENGINE.get(text[:1], "other")
        return Packet(kind, None, orjson.loads(text[1:]) if kind == "open" else None)
    kind = _SOCKET.get(text[1:2], "other")
    start = end = 2
    while text[end : end + 1].isdigit():
        end += 1
    body = text[end:]
    return Packet(kind, int(text[start:end]) if end > start else None, orjson.loads(body) if body else None)


def connect(token: str) -> str:
    """Return the packet that enters namespace `/` with a token."""
    return "40" + orjson.dumps({"token": token}).decode()


def event(name: str, payload: Any, ack: int | None = None) -> str:
    """Return an event with one argument; with `ack`, the event asks for an ack with that number."""
    return f"42{'' if ack is None else ack}{orjson.dumps([name, payload]).decode()}"
