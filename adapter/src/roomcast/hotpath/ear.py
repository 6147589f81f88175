"""From a room's channel to the sinks of its members, where nothing is out of the ordinary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from roomcast.hotpath.sink import FlushQueue, WriteBuffer

PLAIN: Final = b"\x01\x01"
"""Version 1, kind 1: a logged message (`roomcast.contract.envelope`)."""
_EPOCH_AT: Final = 2
_SEQ_AT: Final = 18
_ROUTING_AT: Final = 26


class Position:
    """How far a room's log has been delivered here: `epoch` (16 bytes; empty: not known) and `seq`."""

    __slots__ = ("epoch", "seq")

    def __init__(self) -> None:
        self.epoch = b""
        self.seq = 0


class Subscription:
    """A room that is heard here. `targets` are the sinks of all its members; None: they have changed."""

    __slots__ = ("backlog", "floors", "targets", "watch")

    def __init__(self, watch: Position) -> None:
        self.watch = watch
        self.backlog: list[Any] | None = None
        """Packets that wait for a hole to be filled; None when there is none."""
        self.floors: dict[str, tuple[bytes, int]] = {}
        """Members that got their history up to a seq with their join: they are not sent it again."""
        self.targets: list[WriteBuffer] | None = None


class Subscriber:
    """Hears all channels of a gateway. What is not the next plain message of a whole room goes to `other`.

    `routing` are the bytes of an envelope from offset 26 up to the packet, for all members of the namespace.
    """

    def __init__(self, other: Callable[[bytes, bytes], None]) -> None:
        self.rooms: dict[bytes, Any] = {}
        """channel -> the room's `Subscription`"""
        self.routing = b""
        self.outgoing: FlushQueue | None = None
        self.other = other

    def __call__(self, channel: bytes, data: bytes) -> None:
        if not self.takes(channel, data):
            self.other(channel, data)

    def takes(self, channel: bytes, data: bytes) -> bool:
        """Deliver the common case, in one look; False for all else, and nothing has happened then.

        It says what `unpack_room`, `Watch.offer` and `Fanout._deliver` say, without their objects.
        """
        hearing: Subscription | None = self.rooms.get(channel)
        routing = self.routing
        if hearing is None or self.outgoing is None or not routing:
            return False
        if not data.startswith(PLAIN) or not data.startswith(routing, _ROUTING_AT):
            return False
        watch, targets = hearing.watch, hearing.targets
        if targets is None or hearing.backlog is not None or hearing.floors:
            return False
        seq = int.from_bytes(data[_SEQ_AT:_ROUTING_AT], "big")
        if seq != watch.seq + 1 or data[_EPOCH_AT:_SEQ_AT] != watch.epoch:
            return False
        watch.seq = seq
        if targets:
            self.outgoing.send(targets, data[_ROUTING_AT + len(routing) :])
        return True
