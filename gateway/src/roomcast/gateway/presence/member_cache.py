"""Who is in a room, looked up once for all who join within a second, and kept right meanwhile. Knows no Redis.

a thousand joins --get--> one look --> the same rows for all
what members are told of people  --tell, change--> the rows of those who join next
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Any, Final, NamedTuple

from roomcast.contract.events import MAX_LIST, PresenceChange

VIEW_SECONDS: Final = 1.0

Row = dict[str, Any]
"""`{user, name, status}`"""

Start = Callable[[Coroutine[Any, Any, list[Row]], str], "asyncio.Task[list[Row]]"]


class _View(NamedTuple):
    made_at: float
    rows: asyncio.Future[list[Row]]

    def is_usable(self, now: float) -> bool:
        if not self.rows.done():
            return True
        return now - self.made_at <= VIEW_SECONDS and not self.rows.cancelled() and self.rows.exception() is None


class MemberCache:
    """The looks of one gateway. `look(room, users)` finds up to a hundred people, of these users if any are named;
    `start` runs a task that outlives a caller.

    A look is up to a second old when it is used. What members hear in that second is worked into it, or whoever joins
    at its end would never learn of it.
    """

    def __init__(
        self,
        look: Callable[[str, Collection[str]], Coroutine[Any, Any, list[Row]]],
        start: Start,
        clock: Callable[[], float],
    ) -> None:
        self._look = look
        self._start = start
        self._clock = clock
        self._views: dict[str, _View] = {}

    def has(self, room: str) -> bool:
        """Whether `get` would need no look."""
        view = self._views.get(room)
        return view is not None and view.is_usable(self._clock())

    def get(self, room: str, users: Collection[str] = ()) -> Awaitable[list[Row]]:
        """The people in the room, `users` if that is known already; not to be changed. Raises what the look raises."""
        now = self._clock()
        view = self._views.get(room)
        if view is None or not view.is_usable(now):
            view = self._views[room] = _View(now, self._start(self._look(room, users), f"people of {room}"))
        return view.rows if view.rows.done() else asyncio.shield(view.rows)

    def put(self, room: str, rows: list[Row]) -> None:
        """These are the people in the room: nobody need look."""
        known: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        known.set_result(rows)
        self._views[room] = _View(self._clock(), known)

    def drop(self, room: str) -> None:
        """Nobody is in the room here any more."""
        self._views.pop(room, None)

    def tell(self, room: str, entered: Iterable[Row], left: Collection[str]) -> None:
        """These people came and went."""
        came = {row["user"]: row for row in entered}

        def amend(rows: list[Row]) -> None:
            stayed = [row for row in rows if row["user"] not in left and row["user"] not in came]
            rows[:] = [*stayed, *came.values()][:MAX_LIST]

        self._amend(room, amend)

    def change(self, room: str, changes: Iterable[PresenceChange]) -> None:
        """Members are told that these people's status changed; who is offline is no longer shown."""
        status = {row["user"]: row["status"] for row in changes}

        def amend(rows: list[Row]) -> None:
            shown = [{**row, "status": status.get(row["user"], row["status"])} for row in rows]
            rows[:] = [row for row in shown if row["status"] != "offline"]

        self._amend(room, amend)

    def _amend(self, room: str, amend: Callable[[list[Row]], None]) -> None:
        """Now, or when the look that is under way has found its rows: before anybody reads them."""
        view = self._views.get(room)
        if view is None:
            return
        if view.rows.done():
            _amend_found(view.rows, amend)
        else:
            view.rows.add_done_callback(lambda rows: _amend_found(rows, amend))


def _amend_found(rows: asyncio.Future[list[Row]], amend: Callable[[list[Row]], None]) -> None:
    if not rows.cancelled() and rows.exception() is None:
        amend(rows.result())
