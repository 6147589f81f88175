"""Turn presence changes into one list a second per room and per watching connection. Pure: the clock is passed in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, cast

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import MAX_PRESENCE_ROOM, MAX_WATCHED_USERS, PresenceChange, ShownStatus
from roomcast.gateway.presence.indexes import discard


class Deliveries(NamedTuple):
    """Changes per room and per watching connection, and the new occupancy of rooms too large for names."""

    rooms: dict[str, list[PresenceChange]]
    connections: dict[str, list[PresenceChange]]
    occupancies: dict[str, int]


class Watchers:
    """Know which rooms and connections of this gateway watch which users.

    The work of a second grows with the changes, not with rooms or users. A change to offline is held for
    `linger_seconds`: a user who reloads a page, or whom a drain moves, is back before anyone sees it. A later change of
    a user replaces an earlier one.
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
        self._pending: dict[str, tuple[PresenceChange, float]] = {}
        self._counts: dict[str, int] = {}

    # --- rooms ---

    def set_occupants(self, room: str, users: Iterable[str], occupancy: int) -> list[str]:
        """Set the occupants of a room with local members; return those that were not known before.

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

    def watch(self, connection: str, users: Collection[str]) -> None:
        """Add users to a connection's watch list.

        Raises RoomcastError (TOO_LARGE) and adds nothing beyond the limit.
        """
        watched = self._watched.setdefault(connection, set())
        if len(watched.union(users)) > self._watch_limit:
            raise RoomcastError(Code.TOO_LARGE, f"at most {self._watch_limit} users can be watched")
        watched.update(users)
        for user in users:
            self._watchers_of.setdefault(user, set()).add(connection)

    def unwatch(self, connection: str, users: Iterable[str]) -> None:
        """Remove users from a connection's watch list."""
        watched = self._watched.get(connection)
        if watched is None:
            return
        for user in watched.intersection(users):
            watched.discard(user)
            discard(self._watchers_of, user, connection)
        if not watched:
            del self._watched[connection]

    def forget_connection(self, connection: str) -> None:
        """Forget the watch list of an ended connection. Idempotent."""
        for user in self._watched.pop(connection, ()):
            discard(self._watchers_of, user, connection)

    # --- changes ---

    def watched_users(self) -> set[str]:
        """Return all users whom a room or connection of this gateway watches."""
        return self._rooms_of.keys() | self._watchers_of.keys()

    def apply_changes(self, rows: Iterable[tuple[str, str, int, str]]) -> None:
        """Queue the changes of watched users: rows of `PresenceChanges`, or of a query."""
        now = self._clock()
        for user, status, last_seen, note in rows:
            if user in self._rooms_of or user in self._watchers_of:
                due = now + self._linger if status == "offline" else now
                self._pending[user] = (presence_change(user, status, last_seen, note), due)

    def take_due(self) -> Deliveries:
        """Take what is to be delivered now; call this once a second."""
        now = self._clock()
        due = [user for user, (_, at) in self._pending.items() if at <= now]
        out = Deliveries({}, {}, self._counts)
        self._counts = {}
        for user in due:
            row, _ = self._pending.pop(user)
            for room in self._rooms_of.get(user, ()):
                out.rooms.setdefault(room, []).append(row)
            for connection in self._watchers_of.get(user, ()):
                out.connections.setdefault(connection, []).append(row)
        return out


def presence_change(user: str, status: str, last_seen: int, note: str) -> PresenceChange:
    """Return one row as browsers receive it."""
    row = PresenceChange(user=user, status=cast("ShownStatus", status), last_seen=last_seen)
    if note:
        row["note"] = note
    return row
