"""Deliver the most common kind of packet to the local members of a room: the next message of the room's log.

All other packets go to the general code in `fanout.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from roomcast.adapter.order import OrderTracker
from roomcast.engineio.write_buffer import FlushQueue, WriteBuffer
from roomcast.hotpath.module_loader import prefer_compiled
from roomcast.wire.envelope import KIND_MESSAGE, ROUTING_OFFSET, VERSION, unpack_fixed


class Subscription:
    """One subscribed room. `targets` are the write buffers of its members; None after the members have changed."""

    __slots__ = ("backlog", "floors", "targets", "watch")

    def __init__(self, watch: OrderTracker) -> None:
        self.watch = watch
        self.backlog: list[Any] | None = None
        """Packets that wait until a gap is filled; None while there is no gap."""
        self.floors: dict[str, tuple[bytes, int]] = {}
        """session id -> the last position that the member received as history when it joined"""
        self.targets: list[WriteBuffer] | None = None


class Subscriber:
    """Receives the packets of all channels of a gateway. Delivers plain messages, and gives other packets to `other`.

    `routing`: the end of the header (see `pack_routing`) of a message that a script published for all members.
    """

    def __init__(self, other: Callable[[bytes, bytes], None]) -> None:
        self.rooms: dict[bytes, Any] = {}
        """channel -> the room's `Subscription`"""
        self.routing = b""
        self.outgoing: FlushQueue | None = None
        self.other = other

    def __call__(self, channel: bytes, data: bytes) -> None:
        """Handle a packet that arrived on the channel."""
        if not self.takes(channel, data):
            self.other(channel, data)

    def takes(self, channel: bytes, data: bytes) -> bool:
        """Deliver a plain message and return True. Return False for any other packet, without delivering it.

        A message is plain if it is the next message of the room's log, the room waits for no earlier message, the
        message is for all members, and `targets` lists the members' write buffers.
        """
        room = self.rooms.get(channel)
        routing, outgoing = self.routing, self.outgoing
        if room is None or outgoing is None or not routing or not data.startswith(routing, ROUTING_OFFSET):
            return False
        targets = room.targets
        if targets is None or room.backlog is not None or room.floors:
            return False
        version, kind, epoch, seq = unpack_fixed(data)
        if version != VERSION or kind != KIND_MESSAGE or not data.endswith(b"]"):
            return False  # the members' clients would disconnect after a truncated packet
        if not room.watch.advance(epoch, seq):
            return False
        if targets:
            outgoing.send(targets, data, ROUTING_OFFSET + len(routing))
        return True


prefer_compiled(__name__)
