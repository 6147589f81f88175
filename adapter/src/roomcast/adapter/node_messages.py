"""The messages that nodes send to one another.

They go over `node:{N}`, with two exceptions: a `Canary` over its own channels `node:{N}.{n}`, and the `Emit` of a
question over the room's channel.
"""

from __future__ import annotations

from msgspec import Struct


class Emit(Struct, frozen=True, tag="emit", array_like=True):
    """Send one event to one session of the receiving node.

    `reply_to` is the node that wants the client's ack, or None. That node gets the ack as an `EmitAck` with the same
    `callback`: the number of the function that waits for the ack. In a question `session` is empty.
    """

    namespace: str
    session: str
    packet: bytes
    attachments: tuple[bytes, ...] = ()
    reply_to: str | None = None
    callback: int = 0


class EmitAck(Struct, frozen=True, tag="emit_ack", array_like=True):
    """Return a client's ack of an `Emit`. `data` is the MessagePack array of the ack's arguments."""

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
    """Prove that a node's subscription works. The node publishes this message to itself, through Redis.

    `incarnation` is the random id of the sending process, `count` the number of this canary. A second process with the
    same node name receives the canary, too. The process that started later (`started_at`, unix seconds) then refuses
    new clients.
    """

    incarnation: str
    count: int
    started_at: float = 0.0


NodeMessage = Emit | EmitAck | Disconnect | Membership | Canary
