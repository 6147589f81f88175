"""Collect the users who entered and left a room within a second. Pure. The cost does not depend on the room's size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.events.presence import PresenceChange
from roomcast.contract.limits import MAX_PRESENCE_ROOM


class PresenceDiff:
    """The changes of one room within one second, conflated. Above MAX_PRESENCE_ROOM names, keep only the count."""

    __slots__ = ("_entered", "_is_crowd", "_left", "occupancy")

    def __init__(self) -> None:
        self.occupancy = 0
        self._entered: dict[str, tuple[str, str, str]] = {}
        self._left: set[str] = set()
        self._is_crowd = False

    def add_change(self, change: OccupancyChange) -> None:
        """Add the newest change; it replaces an earlier change of the same user."""
        self.occupancy = change.occupancy
        if self._is_crowd:
            return
        for row in change.entered:
            self._left.discard(row[0])
            self._entered[row[0]] = row
        for user in change.left:
            self._entered.pop(user, None)
            self._left.add(user)
        if len(self._entered) + len(self._left) > MAX_PRESENCE_ROOM:
            self._is_crowd = True
            self._entered.clear()
            self._left.clear()

    def apply_statuses(self, changes: Iterable[PresenceChange]) -> None:
        """Update the statuses of the users who entered, because the diff is sent after these changes."""
        for change in changes:
            if (row := self._entered.get(change["user"])) is not None:
                self._entered[row[0]] = (row[0], row[1], change["status"])

    def applied_to(self, users: Iterable[str]) -> set[str]:
        """Return `users` plus the users who entered, minus the users who left."""
        return {*users, *self._entered} - self._left

    @property
    def named_change(self) -> OccupancyChange | None:
        """Return the change with names; None if only the count is sent."""
        if self._is_crowd or self.occupancy > MAX_PRESENCE_ROOM:
            return None
        return OccupancyChange(self.occupancy, list(self._entered.values()), sorted(self._left))

    def to_event(self, room: str) -> dict[str, Any]:
        """Return the `room` event for the members; in large rooms it contains only the count."""
        event: dict[str, Any] = {"room": room, "change": "people", "occupancy": self.occupancy}
        if (change := self.named_change) is not None:
            event["entered"] = entered_rows(change)
            event["left"] = change.left
        return event


def entered_rows(change: OccupancyChange) -> list[dict[str, Any]]:
    """Return the users who entered, in the form of events and of the member cache."""
    return [{"user": user, "name": name, "status": status} for user, name, status in change.entered]


class RecentLeavers:
    """Users who have just left a room. The room still gets their presence, because "offline" comes after "left"."""

    def __init__(self) -> None:
        self._due: dict[str, dict[str, float]] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def in_room(self, room: str) -> list[str]:
        """Return the users who left this room."""
        return list(self._due.get(room, ()))

    def add_leaver(self, room: str, user: str, due: float) -> None:
        """Add a user who left, to be kept until the time `due`."""
        self._due.setdefault(room, {})[user] = due

    def remove_leaver(self, room: str, user: str) -> None:
        """Forget a user who entered again or whose time is over. Idempotent."""
        users = self._due.get(room)
        if users is not None:
            users.pop(user, None)
            if not users:
                del self._due[room]

    def forget_room(self, room: str) -> None:
        """Forget a room without local members."""
        self._due.pop(room, None)

    def take_expired(self, now: float, limit: int) -> list[tuple[str, str]]:
        """Remove and return up to `limit` (room, user) pairs whose time is over."""
        expired: list[tuple[str, str]] = []
        for room, users in self._due.items():
            expired += [(room, user) for user, due in users.items() if due <= now]
            if len(expired) >= limit:
                break
        del expired[limit:]
        for room, user in expired:
            self.remove_leaver(room, user)
        return expired
