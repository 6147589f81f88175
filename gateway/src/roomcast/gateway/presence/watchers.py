"""Turn presence changes into one list per room and per watching connection. Pure: the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, cast

from roomcast.contract.envelope import PresenceRow
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.presence import PresenceChange, PresenceDevice, ShownStatus
from roomcast.contract.limits import MAX_PRESENCE_ROOM, MAX_WATCHED_USERS
from roomcast.gateway.presence.dict_of_sets import discard


class Deliveries(NamedTuple):
    """Changes per room and per watching connection."""

    rooms: dict[str, list[PresenceChange]]
    connections: dict[str, list[PresenceChange]]


class _Pending(NamedTuple):
    """A user's newest state, its due time, and whether more than the devices changed since the last delivery."""

    row: PresenceRow
    due: float
    is_shown: bool


class Watchers:
    """The rooms and connections of this gateway that watch users, and the users' pending changes.

    The work of a delivery grows with the number of changes, not of rooms or users. A change to offline is delayed by
    `linger_seconds`: a user who reloads a page, or whom a drain moves, is back before other users see the change. A
    later change of a user replaces an earlier change. If only a user's devices change, only the connections that asked
    for devices get the change.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        linger_seconds: float = 2.0,
        room_limit: int = MAX_PRESENCE_ROOM,
        watch_limit: int = MAX_WATCHED_USERS,
    ) -> None:
        self._clock = clock
        self._linger = linger_seconds
        self._room_limit = room_limit
        self._watch_limit = watch_limit
        self._occupants: dict[str, set[str]] = {}
        self._occupancy: dict[str, int] = {}
        self._rooms_of: dict[str, set[str]] = {}
        self._watched: dict[str, set[str]] = {}
        self._watchers_of: dict[str, set[str]] = {}
        self._detailed: dict[str, set[str]] = {}
        """User -> the watching connections that asked for devices."""
        self._pending: dict[str, _Pending] = {}
        self._counts: dict[str, int] = {}

    # --- rooms ---

    def set_occupants(self, room: str, users: Iterable[str], occupancy: int) -> list[str]:
        """Set the occupants of a room with local members; return the occupants that were not known before.

        A room over the limit keeps no names, only its occupancy.
        """
        if self._occupancy.get(room) != occupancy and occupancy > self._room_limit:
            self._counts[room] = occupancy
        self._occupancy[room] = occupancy
        before = self._occupants.get(room, set())
        after = set(users) if occupancy <= self._room_limit else set()
        self._occupants[room] = after
        for user in before - after:
            discard(self._rooms_of, user, room)
        newcomers = sorted(after - before)
        for user in newcomers:
            self._rooms_of.setdefault(user, set()).add(room)
        return newcomers

    def add_occupant(self, room: str, user: str, occupancy: int) -> None:
        """Add one occupant to a room with local members."""
        if occupancy > self._room_limit or self._occupancy.get(room, 0) > self._room_limit:
            self.set_occupants(room, {*self._occupants.get(room, ()), user}, occupancy)
            return
        self._occupancy[room] = occupancy
        self._occupants.setdefault(room, set()).add(user)
        self._rooms_of.setdefault(user, set()).add(room)

    def remove_occupant(self, room: str, user: str) -> None:
        """Remove one occupant from a room with local members."""
        if user in self._occupants.get(room, ()):
            self._occupants[room].discard(user)
            discard(self._rooms_of, user, room)

    def forget_room(self, room: str) -> None:
        """Forget a room that its last local member has left."""
        for user in self._occupants.pop(room, ()):
            discard(self._rooms_of, user, room)
        self._occupancy.pop(room, None)
        self._counts.pop(room, None)

    # --- watch lists ---

    def watch(self, connection: str, users: Collection[str], *, devices: bool = False) -> None:
        """Add users to a connection's watch list, until `unwatch`. With `devices`, changes include the users' devices.

        Raises RoomcastError (TOO_LARGE), and adds no user, if the list would pass the limit.
        """
        watched = self._watched.setdefault(connection, set())
        if len(watched.union(users)) > self._watch_limit:
            raise RoomcastError(Code.TOO_LARGE, f"at most {self._watch_limit} users can be watched")
        watched.update(users)
        for user in users:
            self._watchers_of.setdefault(user, set()).add(connection)
            if devices:
                self._detailed.setdefault(user, set()).add(connection)

    def unwatch(self, connection: str, users: Iterable[str]) -> None:
        """Remove users from a connection's watch list."""
        watched = self._watched.get(connection)
        if watched is None:
            return
        for user in watched.intersection(users):
            watched.discard(user)
            self._forget_watch(user, connection)
        if not watched:
            del self._watched[connection]

    def forget_connection(self, connection: str) -> None:
        """Forget the watch list of an ended connection. Idempotent."""
        for user in self._watched.pop(connection, ()):
            self._forget_watch(user, connection)

    def watching(self, user: str) -> list[str]:
        """Return the connections that watch a user."""
        return list(self._watchers_of.get(user, ()))

    def watched_by(self, connection: str) -> list[str]:
        """Return the users whom a connection watches."""
        return list(self._watched.get(connection, ()))

    def still_watched(self, connection: str, changes: Iterable[PresenceChange]) -> list[PresenceChange]:
        """Return the changes of users whom the connection watches now."""
        watched = self._watched.get(connection, ())
        return [change for change in changes if change["user"] in watched]

    def watching_connections(self) -> list[str]:
        """Return the connections that watch users."""
        return list(self._watched)

    def users_on_lists(self) -> list[str]:
        """Return the users whom connections watch."""
        return list(self._watchers_of)

    def wants_devices(self, connection: str, user: str) -> bool:
        """Return whether a connection that watches a user asked for devices."""
        return connection in self._detailed.get(user, ())

    def _forget_watch(self, user: str, connection: str) -> None:
        discard(self._watchers_of, user, connection)
        discard(self._detailed, user, connection)

    # --- changes ---

    def watched_users(self) -> set[str]:
        """Return all users whom a room or connection of this gateway watches."""
        return self._rooms_of.keys() | self._watchers_of.keys()

    def apply_changes(self, rows: Iterable[PresenceRow]) -> None:
        """Queue the changes of watched users. `rows` come from `PresenceChanges` or from a query with devices."""
        now = self._clock()
        for row in rows:
            user = row.user
            if user in self._rooms_of or user in self._watchers_of:
                due = now + self._linger if row.status == "offline" else now
                before = self._pending.get(user)
                is_shown = row.is_shown or (before is not None and before.is_shown)
                self._pending[user] = _Pending(row, due, is_shown)

    def cancel_offline(self, users: Iterable[str]) -> None:
        """Drop pending changes to offline of these users, who have just entered a room."""
        for user in users:
            if user in self._pending and self._pending[user].row.status == "offline":
                del self._pending[user]

    def is_change_pending(self, user: str) -> bool:
        """Return whether a change of the user waits for its delivery."""
        return user in self._pending

    @property
    def is_pending(self) -> bool:
        """Return whether a change waits for its delivery, now or later."""
        return bool(self._pending)

    def take_counts(self) -> dict[str, int]:
        """Remove and return the new occupancies of rooms that are too large for names."""
        counts, self._counts = self._counts, {}
        return counts

    def due_users(self) -> list[str]:
        """Return the users whose changes are due."""
        now = self._clock()
        return [user for user, pending in self._pending.items() if pending.due <= now]

    def take_change(self, user: str, out: Deliveries) -> int:
        """Move a user's change, if it is still due, to the lists in `out`; return the number of these lists."""
        pending = self._pending.get(user)
        if pending is None or pending.due > self._clock():
            return 0
        del self._pending[user]
        row = presence_change(pending.row)
        rooms = self._rooms_of.get(user, ()) if pending.is_shown else ()
        for room in rooms:
            out.rooms.setdefault(room, []).append(row)
        detailed = self._detailed.get(user, ())
        with_devices = presence_change(pending.row, devices=True) if detailed else row
        connections = self._watchers_of.get(user, ()) if pending.is_shown else detailed
        for connection in connections:
            chosen = with_devices if connection in detailed else row
            out.connections.setdefault(connection, []).append(chosen)
        return len(rooms) + len(connections)


def presence_change(row: PresenceRow, *, devices: bool = False) -> PresenceChange:
    """Return one row in the form that clients get; with `devices`, including the user's devices."""
    change = PresenceChange(user=row.user, status=cast("ShownStatus", row.status), last_seen=row.last_seen)
    if row.note:
        change["note"] = row.note
    if row.until:
        change["until"] = row.until
    if devices:
        change["devices"] = [_device(kind, status) for kind, status in row.devices]
    return change


def _device(kind: str, status: str) -> PresenceDevice:
    device = PresenceDevice(status=cast("ShownStatus", status))
    if kind:
        device["kind"] = kind
    return device
