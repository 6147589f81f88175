"""Presence in one gateway. Pure: the clock is passed in, what comes out is plain data.

`Activity` turns signs of life of its connections into few, large writes: a ping or any other traffic is one `add`
to a set, and once a second a batch goes to Redis, in which a user with nothing new is only a name. `Watchers` turns
changes heard from Redis into at most one list a second per room and per watching connection.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from itertools import chain, islice
from typing import Final, NamedTuple, TypeVar, cast

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import MAX_PRESENCE_ROOM, MAX_WATCHED_USERS, PresenceChange, ShownStatus, Status
from roomcast.contract.keys import presence_shard

K = TypeVar("K")
REFRESH_SECONDS: Final = 120.0
"""A connection's full state is written again this often; Redis keeps it for 300 s."""

_MAX_QUEUED_LEAVES: Final = 50_000
_MAX_SIGNS: Final = 2_000
_MAX_CHANGES: Final = 500
"""Of a batch. Signs of life are names in a few large commands, where a change is a script's work."""


class Touch(NamedTuple):
    """The full state of one connection."""

    user: str
    connection: str
    status: Status
    note: str


class Batch(NamedTuple):
    """What one flush writes: full states, users who merely live by shard, and (user, connection) pairs that ended."""

    full: list[Touch]
    keep: dict[int, set[str]]
    left: list[tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.full or self.keep or self.left)


class _Seat:
    """One local connection."""

    __slots__ = ("full_at", "note", "shard", "status", "user")

    def __init__(self, user: str, status: Status, note: str) -> None:
        self.user = user
        self.shard = presence_shard(user)
        self.status = status
        self.note = note
        self.full_at = float("-inf")


class Activity:
    """The connections of this gateway, and what Redis should be told about them at the next flush."""

    def __init__(self, clock: Callable[[], float], *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._seats: dict[str, _Seat] = {}
        self._by_user: dict[str, set[str]] = {}
        self._seen: set[str] = set()
        self._dirty: set[str] = set()
        self._left: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._seats)

    @property
    def is_urgent(self) -> bool:
        """Something others can see has changed, or a whole batch waits: flush now, do not wait for the next second."""
        return bool(self._dirty or self._left) or len(self._seen) >= _MAX_SIGNS

    def connections(self, user: str) -> Collection[str]:
        """The user's connections on this gateway."""
        return self._by_user.get(user, ())

    def enter(self, connection: str, user: str, status: Status = "online", note: str = "") -> None:
        """A connection began."""
        self._seats[connection] = _Seat(user, status, note)
        self._by_user.setdefault(user, set()).add(connection)
        self._dirty.add(connection)

    def seen(self, connection: str) -> None:
        """Any sign of life: a heartbeat, a pong, a message. The hot path."""
        self._seen.add(connection)

    def update(self, connection: str, status: Status | None, note: str | None) -> bool:
        """The client's `presence` event; what it leaves out stays. True when something changed."""
        self._seen.add(connection)
        seat = self._seats.get(connection)
        if seat is None:
            return False
        if (not status or status == seat.status) and (note is None or note == seat.note):
            return False
        seat.status = status or seat.status
        seat.note = seat.note if note is None else note
        self._dirty.add(connection)
        return True

    def leave(self, connection: str) -> None:
        """A connection ended. Idempotent."""
        seat = self._seats.pop(connection, None)
        if seat is None:
            return
        self._seen.discard(connection)
        self._dirty.discard(connection)
        mates = self._by_user[seat.user]
        mates.discard(connection)
        if not mates:
            del self._by_user[seat.user]
        self._queue_leave(seat.user, connection)

    def take(self, *, signs: bool = True) -> Batch:
        """What to write now; without `signs` only what others can see. After a failure give it back with `restore`.

        A storm comes in parts, so that no flush stalls the loop: take again while `is_urgent`.
        """
        now = self._clock()
        dirty = set(_some(self._dirty, _MAX_CHANGES))
        self._seen -= dirty  # a full state is a sign of life
        keep = self._living(now, dirty) if signs else {}
        full = [self._full(connection, now) for connection in dirty if connection in self._seats]
        for row in full if keep else ():
            _discard(keep, presence_shard(row.user), row.user)
        ended = list(islice(self._left.items(), _MAX_CHANGES))
        for connection, _ in ended:
            del self._left[connection]
        return Batch(full, keep, [(user, connection) for connection, user in ended])

    def _living(self, now: float, dirty: set[str]) -> dict[int, set[str]]:
        """Of some that were seen, the users by shard; a connection whose full state is due goes to `dirty` instead."""
        seats, later, due_at = self._seats, self._dirty, now - self._refresh_seconds
        keep: defaultdict[int, set[str]] = defaultdict(set)
        for connection in _some(self._seen, _MAX_SIGNS):
            seat = seats.get(connection)
            if seat is None or connection in later:
                continue
            if seat.full_at < due_at:
                dirty.add(connection)
            else:
                keep[seat.shard].add(seat.user)
        return keep

    def _full(self, connection: str, now: float) -> Touch:
        seat = self._seats[connection]
        seat.full_at = now
        return Touch(seat.user, connection, seat.status, seat.note)

    def restore(self, batch: Batch) -> None:
        """A flush failed: what it held goes out with the next one (all writes are safe to repeat)."""
        self._dirty.update(row.connection for row in batch.full if row.connection in self._seats)
        for user in chain.from_iterable(batch.keep.values()):
            self._seen.update(self._by_user.get(user, ()))
        for user, connection in batch.left:
            self._queue_leave(user, connection)

    def unknown(self, users: Iterable[str]) -> None:
        """Redis does not know these users (it came back empty, or they expired): write their full state."""
        for user in users:
            self._dirty.update(self._by_user.get(user, ()))

    def refresh(self) -> None:
        """Write everything again, after this node was taken for dead or Redis was long away."""
        self._dirty.update(self._seats)

    def visibility(self, rows: Iterable[tuple[str, str, int, str]]) -> list[tuple[str, bool]]:
        """Of the changes heard, those of users connected here: `(user, is_hidden)`.

        Hidden means that one of the user's devices, anywhere, is invisible: take the user out of the room rosters.
        """
        return [(row[0], row[1] == "offline") for row in rows if row[0] in self._by_user]

    def _queue_leave(self, user: str, connection: str) -> None:
        """Beyond the bound the window ends the presence by itself."""
        if len(self._left) < _MAX_QUEUED_LEAVES:
            self._left[connection] = user


class Deliveries(NamedTuple):
    """One flush: changes per room and per watching connection, and the new occupancy of rooms too large for names."""

    rooms: dict[str, list[PresenceChange]]
    connections: dict[str, list[PresenceChange]]
    occupancies: dict[str, int]


class Watchers:
    """Who of this gateway wants to know about whom. Work per flush grows with the changes, not with rooms or users.

    A change to offline is held for `linger_seconds`: someone who reloads a page, or is moved by a drain, is back before
    anybody is told. Later news of the same user replace earlier ones.
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
        self._rosters: dict[str, set[str]] = {}
        self._occupancy: dict[str, int] = {}
        self._rooms_of: dict[str, set[str]] = {}
        self._watched: dict[str, set[str]] = {}
        self._watchers_of: dict[str, set[str]] = {}
        self._pending: dict[str, tuple[PresenceChange, float]] = {}
        self._counts: dict[str, int] = {}

    # --- rooms ---

    def roster(self, room: str, users: Iterable[str], occupancy: int) -> list[str]:
        """A room with local members as Redis knows it; returns users not on the roster before (query their status).

        A room over the limit keeps no names, only its occupancy.
        """
        if self._occupancy.get(room) != occupancy and occupancy > self._room_limit:
            self._counts[room] = occupancy
        self._occupancy[room] = occupancy
        before = self._rosters.get(room, set())
        after = set(users) if occupancy <= self._room_limit else set()
        self._rosters[room] = after
        for user in before - after:
            _discard(self._rooms_of, user, room)
        newcomers = sorted(after - before)
        for user in newcomers:
            self._rooms_of.setdefault(user, set()).add(room)
        return newcomers

    def arrive(self, room: str, user: str, occupancy: int) -> None:
        """One user more in a room with local members."""
        if occupancy > self._room_limit or self._occupancy.get(room, 0) > self._room_limit:
            self.roster(room, {*self._rosters.get(room, ()), user}, occupancy)
            return
        self._occupancy[room] = occupancy
        self._rosters.setdefault(room, set()).add(user)
        self._rooms_of.setdefault(user, set()).add(room)

    def depart(self, room: str, user: str) -> None:
        """One user less in a room with local members."""
        if user in self._rosters.get(room, ()):
            self._rosters[room].discard(user)
            _discard(self._rooms_of, user, room)

    def drop_room(self, room: str) -> None:
        """The last local member left."""
        for user in self._rosters.pop(room, ()):
            _discard(self._rooms_of, user, room)
        self._occupancy.pop(room, None)
        self._counts.pop(room, None)

    # --- watch lists ---

    def watch(self, connection: str, users: Collection[str]) -> None:
        """Add to a connection's list; raises RoomcastError (TOO_LARGE) and adds nothing beyond the limit."""
        watched = self._watched.setdefault(connection, set())
        if len(watched.union(users)) > self._watch_limit:
            raise RoomcastError(Code.TOO_LARGE, f"at most {self._watch_limit} users can be watched")
        watched.update(users)
        for user in users:
            self._watchers_of.setdefault(user, set()).add(connection)

    def unwatch(self, connection: str, users: Iterable[str]) -> None:
        watched = self._watched.get(connection)
        if watched is None:
            return
        for user in watched.intersection(users):
            watched.discard(user)
            _discard(self._watchers_of, user, connection)
        if not watched:
            del self._watched[connection]

    def drop_connection(self, connection: str) -> None:
        """A connection ended. Idempotent."""
        for user in self._watched.pop(connection, ()):
            _discard(self._watchers_of, user, connection)

    # --- changes ---

    def users(self) -> set[str]:
        """Everybody somebody here wants to know about: query and `apply` them after a deaf subscription is back."""
        return self._rooms_of.keys() | self._watchers_of.keys()

    def apply(self, rows: Iterable[tuple[str, str, int, str]]) -> None:
        """Changes heard: rows of `roomcast.contract.envelope.PresenceChanges`, or of a query about newcomers."""
        now = self._clock()
        for user, status, last_seen, note in rows:
            if user in self._rooms_of or user in self._watchers_of:
                due = now + self._linger if status == "offline" else now
                self._pending[user] = (change(user, status, last_seen, note), due)

    def flush(self) -> Deliveries:
        """What to deliver now; call once a second."""
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


def change(user: str, status: str, last_seen: int, note: str) -> PresenceChange:
    """One row as it goes to browsers."""
    row = PresenceChange(user=user, status=cast("ShownStatus", status), last_seen=last_seen)
    if note:
        row["note"] = note
    return row


def _some(connections: set[str], count: int) -> list[str]:
    """Take up to `count` of them out of the set."""
    return [connections.pop() for _ in range(min(count, len(connections)))]


def _discard(index: dict[K, set[str]], key: K, value: str) -> None:
    values = index.get(key)
    if values is None:
        return
    values.discard(value)
    if not values:
        del index[key]
