"""Subscribe the channels of namespaces, and deliver their packets to every client of the namespace on this node."""

from __future__ import annotations

from roomcast.adapter.fanout import Fanout
from roomcast.adapter.local_members import LocalMembers, State
from roomcast.adapter.redis.channel_handlers import ChannelHandlers, Unsealed
from roomcast.wire import channels
from roomcast.wire.envelope import KIND_EVENT, unpack_room


class NamespaceChannels:
    """The namespaces of one node. `unsealed_event` chooses the events that are delivered without a seal."""

    def __init__(
        self, handlers: ChannelHandlers, members: LocalMembers, fanout: Fanout, unsealed_event: Unsealed
    ) -> None:
        self._handlers = handlers
        self._members = members
        self._fanout = fanout
        self._unsealed_event = unsealed_event

    def follow(self, namespace: str) -> None:
        """Subscribe the channel of a namespace, unless it is subscribed already."""
        channel = channels.namespace_channel(namespace)
        if not self._handlers.is_subscribed(channel):
            self._handlers.subscribe(channel, self._receive, self._is_unsealed_event)

    def _is_unsealed_event(self, data: bytes) -> bool:
        packet = unpack_room(data)
        return packet.kind == KIND_EVENT and self._unsealed_event(packet.body)

    def _receive(self, data: bytes) -> None:
        packet = unpack_room(data)
        clients = self._members.everyone(packet.namespace).values()
        chosen = [c for c in clients if c.state is State.CONNECTED and c.sid not in packet.skip]
        self._fanout.send(chosen, packet)
