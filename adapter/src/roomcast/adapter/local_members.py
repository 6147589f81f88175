"""Keep the sessions, namespaces and rooms of this node in plain tables. Entering and leaving a room take constant time.

python-socketio's own manager searches every room at each disconnect, so that many disconnects block the event loop for
seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any


class State(Enum):
    """The states of a client."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    LEAVING = "leaving"


class Client:
    """One Socket.IO session in one namespace. `target`: see `Delivery.target`."""

    __slots__ = ("callbacks", "eio_sid", "last_ack", "rooms", "sid", "state", "target")

    def __init__(self, sid: str, eio_sid: str, target: Any) -> None:
        self.sid = sid
        self.eio_sid = eio_sid
        self.target = target
        self.state = State.CONNECTING
        self.rooms: set[str] = set()
        self.callbacks: dict[int, Callable[..., Any]] | None = None
        self.last_ack = 0


class Namespace:
    """The clients and rooms of one namespace."""

    __slots__ = ("by_eio", "clients", "rooms")

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}
        self.by_eio: dict[str, Client] = {}
        self.rooms: dict[str, dict[str, Client]] = {}


_NOBODY: dict[str, Client] = {}


def _ignore(room: str) -> None:
    """Ignore a change."""


class LocalMembers:
    """All namespaces of this node. `on_change` is called with each room whose members change, in any namespace."""

    def __init__(self, on_change: Callable[[str], None] = _ignore) -> None:
        self.namespaces: dict[str, Namespace] = {}
        self._on_change = on_change

    def add(self, namespace: str, client: Client) -> bool:
        """Register a client. Return False when its Engine.IO session is in the namespace already."""
        space = self.namespaces.setdefault(namespace, Namespace())
        if client.eio_sid in space.by_eio:
            return False
        space.clients[client.sid] = client
        space.by_eio[client.eio_sid] = client
        return True

    def remove(self, namespace: str, sid: str) -> list[str]:
        """Remove a client. Return its rooms, some of which may be empty now."""
        space = self.namespaces.get(namespace)
        client = space.clients.pop(sid, None) if space else None
        if space is None or client is None:
            return []
        space.by_eio.pop(client.eio_sid, None)
        rooms = list(client.rooms)
        for room in rooms:
            self._drop(space, room, sid)
        client.rooms.clear()
        if not space.clients:
            del self.namespaces[namespace]
        return rooms

    def enter(self, namespace: str, sid: str, room: str) -> bool:
        """Enter a room; return False if the client was in it already. Raise ValueError for an unknown client."""
        client = self.client(namespace, sid)
        if client is None:
            raise ValueError("sid is not connected to requested namespace")
        if room in client.rooms:
            return False
        client.rooms.add(room)
        self.namespaces[namespace].rooms.setdefault(room, {})[sid] = client
        self._on_change(room)
        return True

    def leave(self, namespace: str, sid: str, room: str) -> bool:
        """Leave a room; return False if the client was not in it."""
        client = self.client(namespace, sid)
        if client is None or room not in client.rooms:
            return False
        client.rooms.discard(room)
        self._drop(self.namespaces[namespace], room, sid)
        return True

    def _drop(self, space: Namespace, room: str, sid: str) -> None:
        self._on_change(room)
        members = space.rooms.get(room)
        if members is not None:
            members.pop(sid, None)
            if not members:
                del space.rooms[room]

    def client(self, namespace: str, sid: str) -> Client | None:
        """Return a client by its session id."""
        space = self.namespaces.get(namespace)
        return space.clients.get(sid) if space else None

    def client_of(self, namespace: str, eio_sid: str) -> Client | None:
        """Return the client of an Engine.IO session."""
        space = self.namespaces.get(namespace)
        return space.by_eio.get(eio_sid) if space else None

    def room(self, namespace: str, room: str) -> dict[str, Client]:
        """Return the members of a room by session id: a live view, do not change it."""
        space = self.namespaces.get(namespace)
        return space.rooms.get(room, _NOBODY) if space else _NOBODY

    def everyone(self, namespace: str) -> dict[str, Client]:
        """Return all clients of a namespace by session id: a live view, do not change it."""
        space = self.namespaces.get(namespace)
        return space.clients if space else _NOBODY

    def has_room(self, room: str) -> bool:
        """Tell whether any namespace has a member in a room of this name."""
        return any(room in space.rooms for space in self.namespaces.values())
