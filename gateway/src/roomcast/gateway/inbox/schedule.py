"""Decide when to look at an active room. Pure: the caller passes the time.

`room_append.lua` tells of a room at most once a second. So a room is looked at twice: soon after it was told of, and
once more when that second is over, for what came later in it. A room that is told of again and again is looked at once
a second.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SOON_SECONDS: Final = 0.1
"""Activity in many rooms is gathered so long."""
SETTLED_SECONDS: Final = 1.05
"""A little over the second in which the script is silent."""


class Due(NamedTuple):
    """A room to look at; `is_last`: only for what came since the look before."""

    room: str
    is_last: bool


class Schedule:
    """The rooms to look at, each at most once soon and once later."""

    def __init__(self) -> None:
        self._soon: dict[str, float] = {}
        self._settled: dict[str, float] = {}
        # Both in the order of their times, for each adds the same to the time of a note.

    def note(self, room: str, now: float) -> None:
        """Note that the room was told of."""
        self._soon.setdefault(room, now + SOON_SECONDS)
        self.note_unsettled(room, now)

    def note_unsettled(self, room: str, now: float) -> None:
        """Note that more may come to the room within the second without a word."""
        self._settled.pop(room, None)
        self._settled[room] = now + SETTLED_SECONDS

    def is_settled(self, room: str) -> bool:
        """Return whether no later look at the room is to come."""
        return room not in self._settled

    def next_at(self) -> float | None:
        """Return when the next room is due; None if none is."""
        return min((next(iter(times.values())) for times in (self._soon, self._settled) if times), default=None)

    def take(self, now: float, limit: int) -> list[Due]:
        """Take at most `limit` rooms that are due, those first that have waited longest."""
        due: list[Due] = []
        for times, is_last in ((self._soon, False), (self._settled, True)):
            while times and len(due) < limit:
                room = next(iter(times))
                if times[room] > now:
                    break
                del times[room]
                if is_last or self._settled.get(room, now + 1) > now:
                    due.append(Due(room, is_last))
                # else the later look is due as well, and serves for both
        return due
