"""Decide when to read an active room again. Pure: the caller passes the time.

`room_append.lua` announces a room at most once a second. So the service reads a room twice: soon after the
announcement, and again when that second is over, for entries that were added meanwhile without an announcement. A room
that is announced every second is read once a second.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SOON_SECONDS: Final = 0.1
"""Seconds from the announcement to the first read, to gather the activity of many rooms."""
SETTLED_SECONDS: Final = 1.05
"""Seconds from the announcement to the later read: just over the second in which the room is not announced again."""


class Due(NamedTuple):
    """A room to read; `is_last` is True for the later read, which finds entries since the first read."""

    room: str
    is_last: bool


class Schedule:
    """The rooms to read, each at most once soon and once later."""

    def __init__(self) -> None:
        self._soon: dict[str, float] = {}
        self._settled: dict[str, float] = {}
        # Both dicts are sorted by time, because each time is the present time plus a constant.

    def note(self, room: str, now: float) -> None:
        """Schedule both reads of a room that was announced."""
        self._soon.setdefault(room, now + SOON_SECONDS)
        self.note_unsettled(room, now)

    def note_unsettled(self, room: str, now: float) -> None:
        """Schedule the later read of a room that may get more entries without an announcement."""
        self._settled.pop(room, None)
        self._settled[room] = now + SETTLED_SECONDS

    def is_settled(self, room: str) -> bool:
        """Return whether no later read of the room is scheduled."""
        return room not in self._settled

    def next_at(self) -> float | None:
        """Return the time at which the next read is due; None if no read is scheduled."""
        return min((next(iter(times.values())) for times in (self._soon, self._settled) if times), default=None)

    def take(self, now: float, limit: int) -> list[Due]:
        """Remove and return at most `limit` due rooms: first reads before later reads, the longest waiting first."""
        due: list[Due] = []
        for times, is_last in ((self._soon, False), (self._settled, True)):
            while times and len(due) < limit:
                room = next(iter(times))
                if times[room] > now:
                    break
                del times[room]
                if is_last or self._settled.get(room, now + 1) > now:
                    due.append(Due(room, is_last))
                # else the later read is due as well, and replaces the first read
        return due
