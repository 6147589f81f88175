"""Send one event to its targets: sessions of this or another node, rooms, or a whole namespace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from roomcast.adapter import callbacks, codec
from roomcast.adapter.callbacks import Callback
from roomcast.adapter.fanout import skip_members_of
from roomcast.adapter.local_members import Client, LocalMembers
from roomcast.adapter.room_names import is_empty, is_several, name_of
from roomcast.wire import channels
from roomcast.wire.envelope import pack_event


class RemoteSessions(Protocol):
    """Sends events to sessions of other nodes, and questions to rooms: the node messenger."""

    def node_of(self, sid: str) -> str | None:
        """Return the node of `sid` if this is a session of another node. Return None for any other text."""
        ...

    async def emit(
        self, namespace: str, sid: str, packet: bytes, attachments: Sequence[bytes], callback: Callback | None
    ) -> None:
        """Send an event to a session of another node; `callback` gets its ack."""
        ...

    async def ask(
        self,
        channel: str,
        namespace: str,
        skip: tuple[str, ...],
        packet: bytes,
        attachments: Sequence[bytes],
        callback: Callback,
    ) -> None:
        """Send an event to all members of a room, on all nodes; `callback` gets the first ack."""
        ...


class Emission:
    """Sends events to their targets. `packet_class`: see `codec.packet_class_of`."""

    def __init__(
        self,
        members: LocalMembers,
        remote: RemoteSessions,
        *,
        publish: Callable[[str, bytes], Awaitable[None]],
        deliver: Callable[[Client, bytes, Sequence[bytes]], None],
        packet_class: Any,
    ) -> None:
        self._members = members
        self._remote = remote
        self._publish = publish
        self._deliver = deliver
        self._packet_class = packet_class

    async def send(
        self, event: str, data: Any, namespace: str, target: Any, skip: tuple[str, ...], callback: Callback | None
    ) -> None:
        """Send to a session, to a room, to several of these (each recipient once), or to the whole namespace (None).

        Raise ValueError for an empty target, and for a callback with a target that is not one session or one room.
        """
        if is_empty(target):
            raise ValueError("an empty room addresses no client: use None for the whole namespace")
        if callback is not None and (target is None or is_several(target)):
            raise ValueError("an ack callback needs one session or one room as its target")
        if target is None:
            packet, attachments = self._encode(event, data, namespace)
            channel = channels.namespace_channel(namespace)
            await self._publish(channel, pack_event(namespace, packet, skip, tuple(attachments)))
            return
        rooms = []
        for name in dict.fromkeys(map(name_of, target if is_several(target) else (target,))):
            client = self._members.client(namespace, name)
            if client is None and self._remote.node_of(name) is None:
                rooms.append(name)
                continue
            if name not in skip:
                await self._send_to_session(event, data, namespace, name, client, callback)
            skip = (*skip, name)
        if rooms:
            await self._send_to_rooms(rooms, namespace, self._encode(event, data, namespace), skip, callback)

    async def _send_to_session(
        self, event: str, data: Any, namespace: str, sid: str, client: Client | None, callback: Callback | None
    ) -> None:
        if client is not None:
            ack_id = callbacks.expect_ack(client, callback)
            self._deliver(client, *self._encode(event, data, namespace, ack_id))
        else:
            await self._remote.emit(namespace, sid, *self._encode(event, data, namespace), callback)

    async def _send_to_rooms(
        self,
        names: list[str],
        namespace: str,
        encoded: tuple[bytes, list[bytes]],
        skip: tuple[str, ...],
        callback: Callback | None,
    ) -> None:
        """Publish to each room, and skip the members that an earlier target reached."""
        packet, attachments = encoded
        if callback is not None:
            await self._remote.ask(channels.room_channel(names[0]), namespace, skip, packet, attachments, callback)
            return
        for name in names:
            await self._publish(channels.room_channel(name), pack_event(namespace, packet, skip, tuple(attachments)))
            skip = (*skip, skip_members_of(name))

    def _encode(self, event: str, data: Any, namespace: str, ack_id: int | None = None) -> tuple[bytes, list[bytes]]:
        return codec.encode(self._packet_class, namespace, event, data, ack_id)
