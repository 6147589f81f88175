"""Manage the clients of this process for python-socketio: the part of the adapter that needs no Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import socketio

from roomcast.adapter import callbacks
from roomcast.adapter.local_delivery import Delivery
from roomcast.adapter.local_members import Client, LocalMembers, State
from roomcast.adapter.room_names import is_several, name_of, room_of


class LocalManager(socketio.AsyncManager):  # type: ignore[misc]
    """The clients of this process, their acks, and deliveries to them. A disconnect does not search all rooms.

    `on_change` is called with each room whose local members change.
    """

    def __init__(self, on_change: Callable[[str], None]) -> None:
        super().__init__()
        self.members = LocalMembers(on_change)
        self.delivery: Delivery | None = None

    # --- tables ---

    def get_namespaces(self) -> Iterable[str]:
        """Return the namespaces with a client here."""
        return self.members.namespaces.keys()

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        """Yield the session id and Engine.IO session id of each client in `room`: one room, several, or None (all)."""
        for client in list(self._local(namespace, room).values()):
            yield client.sid, client.eio_sid

    def _local(self, namespace: str, room: Any) -> dict[str, Client]:
        if room is None:
            return self.members.everyone(namespace)
        if is_several(room):
            merged: dict[str, Client] = {}
            for one in room:
                merged.update(self._local(namespace, one))
            return merged
        name = name_of(room)
        client = self.members.client(namespace, name)
        return {name: client} if client else self.members.room(namespace, name)

    def is_pre_connected(self, sid: str, namespace: str) -> bool:
        """Tell whether the client's connect handler is still running."""
        client = self.members.client(namespace, sid)
        return client is not None and client.state is State.CONNECTING

    def is_connected(self, sid: str, namespace: str) -> bool:
        """Tell whether the client is here, and neither connecting nor leaving."""
        client = self.members.client(namespace, sid)
        return client is not None and client.state is State.CONNECTED

    def sid_from_eio_sid(self, eio_sid: str, namespace: str) -> str | None:
        """Return the session id of an Engine.IO session in a namespace."""
        client = self.members.client_of(namespace, eio_sid)
        return client.sid if client else None

    def eio_sid_from_sid(self, sid: str, namespace: str) -> str | None:
        """Return the Engine.IO session id of a session."""
        client = self.members.client(namespace, sid)
        return client.eio_sid if client else None

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        """Mark a client as leaving while its disconnect handler runs; return its Engine.IO session id."""
        client = self.members.client(namespace, sid)
        if client is None:
            return None
        client.state = State.LEAVING
        return client.eio_sid

    def get_rooms(self, sid: str, namespace: str) -> list[Any]:
        """Return the rooms of a session of this node; the first is the session's own id."""
        client = self.members.client(namespace, sid)
        return [sid, *map(room_of, client.rooms)] if client else []

    # --- acks and deliveries ---

    def _generate_ack_id(self, sid: str, callback: Callable[..., Any]) -> int:
        for space in self.members.namespaces.values():
            if (client := space.clients.get(sid)) is not None:
                return callbacks.expect_ack(client, callback) or 0
        raise ValueError("unknown session")

    async def trigger_callback(self, sid: str, id: int, data: Any) -> None:  # noqa: A002 (python-socketio's name)
        """Run the callback that waits for this ack of a client, if there is one."""
        for space in self.members.namespaces.values():
            client = space.clients.get(sid)
            if client is not None and (callback := callbacks.take_ack(client, id)) is not None:
                await callbacks.run(callback, data)
                return

    def deliver(self, client: Client, packet: bytes, attachments: Sequence[bytes] = ()) -> None:
        """Send a finished packet to one client of this node."""
        if self.delivery is not None:
            self.delivery.send((client,), packet, attachments)

    def deliver_to_sessions(self, namespace: str, sids: Iterable[str], packet: bytes) -> None:
        """Send a finished packet to sessions of this node. Ignore unknown session ids."""
        found = [client for sid in sids if (client := self.members.client(namespace, sid)) is not None]
        if found and self.delivery is not None:
            self.delivery.send(found, packet, ())

    def deliver_to_room(self, namespace: str, room: str, packet: bytes) -> None:
        """Send a finished packet to the room's members on this node."""
        if self.delivery is not None and (members := self.members.room(namespace, room)):
            self.delivery.send(members.values(), packet, ())
