"""Who came into a room and who left it since members were last told. Pure; each name costs the same in any room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.events import MAX_PRESENCE_ROOM


class PresenceDiff:
    """Notes of one second, conflated. More names than a room with names can hold are too many to tell: the count is."""

    __slots__ = ("_entered", "_is_crowd", "_left", "occupancy")

    def __init__(self) -> None:
        self.occupancy = 0
        self._entered: dict[str, tuple[str, str, str]] = {}
        self._left: set[str] = set()
        self._is_crowd = False

    def add(self, note: OccupancyChange) -> None:
        """The newest note; later ones of the same user replace earlier ones."""
        self.occupancy = note.occupancy
        if self._is_crowd:
            return
        for row in note.entered:
            self._left.discard(row[0])
            self._entered[row[0]] = row
        for user in note.left:
            self._entered.pop(user, None)
            self._left.add(user)
        if len(self._entered) + len(self._left) > MAX_PRESENCE_ROOM:
            self._is_crowd = True
            self._entered.clear()
            self._left.clear()

    def applied_to(self, users: Iterable[str]) -> set[str]:
        """These users, and who came, without who left: as far as names are told."""
        return {*users, *self._entered} - self._left

    @property
    def names(self) -> OccupancyChange | None:
        """What to tell with names; None where only the count is told."""
        if self._is_crowd or self.occupancy > MAX_PRESENCE_ROOM:
            return None
        return OccupancyChange(self.occupancy, list(self._entered.values()), sorted(self._left))

    def event(self, room: str) -> dict[str, Any]:
        """The `room` event of people who came and went; in large rooms only the count."""
        event: dict[str, Any] = {"room": room, "change": "people", "occupancy": self.occupancy}
        if (names := self.names) is not None:
            event["entered"] = rows_of(names)
            event["left"] = names.left
        return event


def rows_of(note: OccupancyChange) -> list[dict[str, Any]]:
    """Who came, as clients and views have them."""
    return [{"user": user, "name": name, "status": status} for user, name, status in note.entered]


class RecentLeavers:
    """People who left a room, until when the room still hears of their presence: "offline" comes after "left"."""

    def __init__(self) -> None:
        self._due: dict[str, dict[str, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def of(self, room: str) -> list[str]:
        return list(self._due.get(room, ()))

    def add(self, room: str, user: str, due: float) -> None:
        self._due.setdefault(room, {})[user] = due

    def back(self, room: str, user: str) -> None:
        users = self._due.get(room)
        if users is not None:
            users.pop(user, None)
            if not users:
                del self._due[room]

    def drop_room(self, room: str) -> None:
        """Nobody here hears the room any more."""
        self._due.pop(room, None)

    def take(self, now: float, limit: int) -> list[tuple[str, str]]:
        """Up to `limit` (room, user) whose time is over."""
        over = []
        for room, users in self._due.items():
            over += [(room, user) for user, due in users.items() if due <= now]
            if len(over) >= limit:
                break
        del over[limit:]
        for room, user in over:
            self.back(room, user)
        return over
