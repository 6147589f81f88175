"""Collect the presence of this gateway's connections for the next write to Redis. Pure: the clock is passed in.

A sign of life (a ping or any other traffic) is one `add` to a set. Once a second the gateway writes a batch to Redis:
for users without changes, the batch contains only their ids. Changes are written at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from itertools import chain, islice
from typing import Final, NamedTuple

from roomcast.contract.envelope import PresenceRow
from roomcast.contract.events.presence import Status
from roomcast.contract.keys import presence_shard
from roomcast.gateway.presence.dict_of_sets import discard

REFRESH_SECONDS: Final = 120.0
"""Seconds between two writes of a connection's full state. Redis keeps the state for 300 s."""

_MAX_QUEUED_LEAVES: Final = 50_000
_MAX_SIGNS: Final = 2_000
_MAX_CHANGES: Final = 500
"""Most changes in one batch. Each change is work for a script, but a sign of life is only an id in a large command."""


class Touch(NamedTuple):
    """The full state of one connection.

    A connection without a status follows the user's last choice on any device. `is_choice`: the user has just chosen
    this status. `until` is the ms at which the note ends, 0: never. `kind` is the kind of device, or empty.
    """

    user: str
    connection: str
    status: Status | None
    note: str
    is_choice: bool = False
    until: int = 0
    kind: str = ""


class Batch(NamedTuple):
    """One write: full states, users with signs of life by shard, and ended connections as (user, connection)."""

    full: list[Touch]
    alive: dict[int, set[str]]
    left: list[tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.full or self.alive or self.left)


class _Connection:
    """One local connection."""

    __slots__ = ("is_choice", "kind", "note", "shard", "status", "until", "user", "written_at")

    def __init__(self, user: str, status: Status | None, note: str, until: int, kind: str, *, is_choice: bool) -> None:
        self.user = user
        self.shard = presence_shard(user)
        self.status = status
        self.note = note
        self.until = until
        self.kind = kind
        self.is_choice = is_choice
        self.written_at = float("-inf")


class Activity:
    """The connections of this gateway, and their changes and signs of life for the next write to Redis."""

    def __init__(self, clock: Callable[[], float], *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._clock = clock
        self._refresh_seconds = refresh_seconds
        self._connections: dict[str, _Connection] = {}
        self._by_user: dict[str, set[str]] = {}
        self._seen: set[str] = set()
        self._changed: set[str] = set()
        self._left: dict[str, str] = {}
        self._last_choices: list[Touch] = []
        """Status choices of connections that ended before the choice was written."""

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def is_urgent(self) -> bool:
        """Return whether to write now instead of at the next second: a visible change or a full batch waits."""
        return bool(self._changed or self._left) or len(self._seen) >= _MAX_SIGNS

    def connections_of(self, user: str) -> Collection[str]:
        """Return the user's connections on this gateway."""
        return self._by_user.get(user, ())

    def add_connection(
        self, connection: str, user: str, status: Status | None = None, note: str = "", until: int = 0, kind: str = ""
    ) -> None:
        """Add a connection. Without a status it follows the user's last choice.

        A status in the sign-in applies to this connection. Only `invisible` also counts as the user's choice: a device
        that reconnects as visible must not undo the user's choice on another device.
        """
        self._connections[connection] = _Connection(user, status, note, until, kind, is_choice=status == "invisible")
        self._by_user.setdefault(user, set()).add(connection)
        self._changed.add(connection)

    def mark_seen(self, connection: str) -> None:
        """Record a sign of life: a heartbeat, a pong or a message. This method is on the hot path."""
        self._seen.add(connection)

    def set_status(self, connection: str, status: Status | None, note: str | None, until: int = 0) -> bool:
        """Set the status and note from a client's `presence` event; return whether this changed anything.

        A status or note of None is kept. `until` is the end (ms) of the new note, 0: none. A change counts as the
        user's choice. A connection without a status that gets only a note still follows the user's last status.
        """
        self._seen.add(connection)
        known = self._connections.get(connection)
        if known is None:
            return False
        if (not status or status == known.status) and (note is None or (note, until) == (known.note, known.until)):
            return False
        known.status = status or known.status
        if note is not None:
            known.note, known.until = note, until
        known.is_choice = True
        self._changed.add(connection)
        return True

    def remove_connection(self, connection: str) -> None:
        """Remove an ended connection. Idempotent."""
        known = self._connections.pop(connection, None)
        if known is None:
            return
        self._seen.discard(connection)
        self._changed.discard(connection)
        if known.is_choice and len(self._last_choices) < _MAX_QUEUED_LEAVES:
            self._last_choices.append(self._write_full(connection, known, self._clock()))
        discard(self._by_user, known.user, connection)
        self._queue_leave(known.user, connection)

    def take_batch(self, *, signs: bool = True) -> Batch:
        """Remove and return the next batch to write; without `signs`, only changes. On failure call `restore_batch`.

        Each batch is bounded, so that no write stalls the loop. Call this again while `is_urgent`.
        """
        now = self._clock()
        changed = set(_take_some(self._changed, _MAX_CHANGES))
        self._seen -= changed  # a full state is a sign of life
        alive = self._take_alive(now, changed) if signs else {}
        full, self._last_choices = self._last_choices, []
        for connection in changed:
            if (known := self._connections.get(connection)) is not None:
                full.append(self._write_full(connection, known, now))
        for row in full if alive else ():
            discard(alive, presence_shard(row.user), row.user)
        ended = list(islice(self._left.items(), _MAX_CHANGES))
        for connection, _ in ended:
            del self._left[connection]
        return Batch(full, alive, [(user, connection) for connection, user in ended])

    def _take_alive(self, now: float, changed: set[str]) -> dict[int, set[str]]:
        """Return users with signs of life, by shard. Connections whose full state is due are added to `changed`."""
        connections, later, due_at = self._connections, self._changed, now - self._refresh_seconds
        alive: defaultdict[int, set[str]] = defaultdict(set)
        for connection in _take_some(self._seen, _MAX_SIGNS):
            known = connections.get(connection)
            if known is None or connection in later:
                continue
            if known.written_at < due_at:
                changed.add(connection)
            else:
                alive[known.shard].add(known.user)
        return alive

    @staticmethod
    def _write_full(connection: str, known: _Connection, now: float) -> Touch:
        known.written_at = now
        row = Touch(known.user, connection, known.status, known.note, known.is_choice, known.until, known.kind)
        known.is_choice = False
        return row

    def restore_batch(self, batch: Batch) -> None:
        """Put back a batch whose write failed. All writes are safe to repeat."""
        for row in batch.full:
            if (known := self._connections.get(row.connection)) is not None:
                known.is_choice = known.is_choice or row.is_choice
                self._changed.add(row.connection)
            elif row.is_choice:
                self._last_choices.append(row)
        for user in chain.from_iterable(batch.alive.values()):
            self._seen.update(self._by_user.get(user, ()))
        for user, connection in batch.left:
            self._queue_leave(user, connection)

    def rewrite_users(self, users: Iterable[str]) -> None:
        """Queue the full state of users whose data in Redis was lost or has expired."""
        for user in users:
            self._changed.update(self._by_user.get(user, ()))

    def rewrite_all(self) -> None:
        """Queue every full state again: this node's lease had ended, and the sweeper may have removed its presence."""
        self._changed.update(self._connections)

    def find_hidden(self, rows: Iterable[PresenceRow]) -> list[tuple[str, bool]]:
        """Return `(user, is_hidden)` for the users in these presence changes who are connected here.

        A user is hidden when one of the user's devices, on any gateway, is invisible.
        """
        return [(row.user, row.status == "offline") for row in rows if row.user in self._by_user]

    def _queue_leave(self, user: str, connection: str) -> None:
        """Queue an ended connection. Above the bound, drop the connection: the sweeper removes its presence later."""
        if len(self._left) < _MAX_QUEUED_LEAVES:
            self._left[connection] = user


def _take_some(connections: set[str], count: int) -> list[str]:
    """Remove and return up to `count` connections of the set."""
    return [connections.pop() for _ in range(min(count, len(connections)))]
