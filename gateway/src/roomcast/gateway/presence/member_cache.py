"""Cache the members of a room for all joins within a second, and apply changes to the cached rows. Uses no Redis.

a thousand joins        --get_members-->                one read --> the same rows for all
changes sent to members --apply_diff, apply_statuses--> the rows for the next joins
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any, Final, NamedTuple

from roomcast.contract.events.presence import PresenceChange
from roomcast.contract.limits import MAX_LIST
from roomcast.wire.tasks import MakeTask

CACHE_SECONDS: Final = 1.0

Row = dict[str, Any]
"""`{user, name, status}`"""


class _Entry(NamedTuple):
    read_at: float
    rows: asyncio.Future[list[Row]]

    def is_usable(self, now: float) -> bool:
        if not self.rows.done():
            return True
        return now - self.read_at <= CACHE_SECONDS and not self.rows.cancelled() and self.rows.exception() is None


class MemberCache:
    """The members of this gateway's rooms.

    `read_members(room, users)` reads up to a hundred members; if `users` is not empty, only these users. `make_task`
    runs a task that outlives the first caller. An entry may be a second old when it is used. So every change that the
    gateway sends to members within that second is also applied to the entry. Otherwise a user who joins at the end of
    that second would never get the change.
    """

    def __init__(
        self,
        read_members: Callable[[str, Collection[str]], Coroutine[Any, Any, list[Row]]],
        make_task: MakeTask,
        clock: Callable[[], float],
    ) -> None:
        self._read_members = read_members
        self._make_task = make_task
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def is_cached(self, room: str) -> bool:
        """Return whether `get_members` can answer without a new read."""
        entry = self._entries.get(room)
        return entry is not None and entry.is_usable(self._clock())

    def get_members(self, room: str, users: Collection[str] = ()) -> Awaitable[list[Row]]:
        """Return the members of the room; `users` are its occupants if the caller knows them. Do not change the list.

        Raises the errors of `read_members`.
        """
        now = self._clock()
        entry = self._entries.get(room)
        if entry is None or not entry.is_usable(now):
            task = self._make_task(self._read_members(room, users), f"members of {room}")
            entry = self._entries[room] = _Entry(now, task)
        return entry.rows if entry.rows.done() else asyncio.shield(entry.rows)

    def set_members(self, room: str, rows: list[Row]) -> None:
        """Set the members of a room, if the caller knows them without a read."""
        known: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        known.set_result(rows)
        self._entries[room] = _Entry(self._clock(), known)

    def forget_room(self, room: str) -> None:
        """Forget a room without local members."""
        self._entries.pop(room, None)

    def apply_diff(self, room: str, entered: Iterable[Row], left: Collection[str]) -> None:
        """Add the users who entered, and remove the users who left."""
        added = {row["user"]: row for row in entered}

        def amend(rows: list[Row]) -> None:
            stayed = [row for row in rows if row["user"] not in left and row["user"] not in added]
            rows[:] = [*stayed, *added.values()][:MAX_LIST]

        self._amend(room, amend)

    def apply_statuses(self, room: str, changes: Iterable[PresenceChange]) -> None:
        """Set the new status of users; remove offline users."""
        status = {row["user"]: row["status"] for row in changes}

        def amend(rows: list[Row]) -> None:
            shown = [{**row, "status": status.get(row["user"], row["status"])} for row in rows]
            rows[:] = [row for row in shown if row["status"] != "offline"]

        self._amend(room, amend)

    def _amend(self, room: str, amend: Callable[[list[Row]], None]) -> None:
        """Amend the rows now, or at the end of a read in progress."""
        entry = self._entries.get(room)
        if entry is None:
            return
        if entry.rows.done():
            _amend_found(entry.rows, amend)
        else:
            entry.rows.add_done_callback(lambda rows: _amend_found(rows, amend))


def _amend_found(rows: asyncio.Future[list[Row]], amend: Callable[[list[Row]], None]) -> None:
    if not rows.cancelled() and rows.exception() is None:
        amend(rows.result())
