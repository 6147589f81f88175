"""The messages that nodes send one another on `node:{N}`."""

from __future__ import annotations

from msgspec import Struct


class Emit(Struct, frozen=True, tag="emit", array_like=True):
    """Send one event to one session of the receiving node. With `reply_to`, its ack comes back as `EmitAck`."""

    namespace: str
    session: str
    packet: bytes
    attachments: tuple[bytes, ...] = ()
    reply_to: str | None = None
    callback: int = 0


class EmitAck(Struct, frozen=True, tag="emit_ack", array_like=True):
    """The answer of a client to an `Emit`; `data` is the MessagePack array of the ack's arguments."""

    callback: int
    data: bytes


class Disconnect(Struct, frozen=True, tag="disconnect", array_like=True):
    """Disconnect one session of the receiving node."""

    namespace: str
    session: str


class Membership(Struct, frozen=True, tag="membership", array_like=True):
    """Let one session of the receiving node enter (or leave) a room."""

    namespace: str
    session: str
    room: str
    enter: bool


class Canary(Struct, frozen=True, tag="canary", array_like=True):
    """A node to itself, through Redis: proof that its subscription receives.

    Another process of the same name receives it, too. The one that started later (`started_at`, unix seconds) gives
    way.
    """

    incarnation: str
    count: int
    started_at: float = 0.0


NodeMessage = Emit | EmitAck | Disconnect | Membership | Canary
