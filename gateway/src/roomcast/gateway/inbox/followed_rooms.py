"""The clients of this gateway with a live inbox, and the rooms that each of them follows. Pure.

There may be millions of pairs of a client and a room (10,000 clients with 200 rooms each). So a pair takes only 24
bytes, and each room's name is stored once.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Final

from roomcast.contract.inbox import Line
from roomcast.contract.keys import activity_channel
from roomcast.contract.limits import MAX_COUNTED_MENTIONS
from roomcast.gateway.sign_in.session import ChatSession

_MENTION_BITS: Final = MAX_COUNTED_MENTIONS.bit_length()
_MENTION_MASK: Final = (1 << _MENTION_BITS) - 1


MIXED: Final = -1
"""The value of `WatchedRoom.told` if the watchers were sent different states. `hash` never returns -1."""


class WatchedRoom:
    """A room that is in the inbox of at least one client here."""

    __slots__ = ("name", "told", "watchers")

    def __init__(self, name: str) -> None:
        self.name = name
        self.watchers: list[Watcher] = []
        self.told: int | None = None
        """The state of the room (see `state_of`) that all its watchers were last sent; None before the first state."""

    def note_known(self, state: int) -> None:
        """Record the state that one watcher is sent. `told` becomes MIXED if the others were sent another state."""
        self.told = state if self.told in (None, state) else MIXED


def state_of(seq: int, epoch: str) -> int:
    """Return a number that changes with each new entry of a room, and with each new epoch."""
    return hash((seq, epoch))


_by_name: Final = attrgetter("name")


class Watcher:
    """One client with a live inbox. `unread` and `mentions` are the totals of all rooms that it follows."""

    __slots__ = ("_counts", "mentions", "rooms", "session", "unread")

    def __init__(self, session: ChatSession) -> None:
        self.session = session
        self.rooms: list[WatchedRoom] = []
        """Sorted by name."""
        self.unread = 0
        self.mentions = 0
        self._counts = array("Q")
        """One number per room, in the order of `rooms`: the unread messages, with the mentions in the low bits."""

    def _find(self, room: str) -> int | None:
        at = bisect_left(self.rooms, room, key=_by_name)
        return at if at < len(self.rooms) and self.rooms[at].name == room else None

    def follows(self, room: str) -> bool:
        """Return whether the client follows the room."""
        return self._find(room) is not None

    def add(self, watched: WatchedRoom) -> None:
        """Follow a room that the client does not follow yet."""
        at = bisect_left(self.rooms, watched.name, key=_by_name)
        self.rooms.insert(at, watched)
        self._counts.insert(at, 0)

    def remove(self, room: str) -> None:
        """Stop following a room."""
        self.record(room, 0, 0)
        at = self._find(room)
        if at is not None:
            del self.rooms[at], self._counts[at]

    def record(self, room: str, unread: int, mentions: int) -> None:
        """Set the counts of one room; ignore a room that the client does not follow."""
        at = self._find(room)
        if at is not None:
            before = self._counts[at]
            self._counts[at] = unread << _MENTION_BITS | mentions
            self.unread += unread - (before >> _MENTION_BITS)
            self.mentions += mentions - (before & _MENTION_MASK)

    def rooms_with_news(self) -> set[str]:
        """Return the rooms with unread messages."""
        return {watched.name for watched, counts in zip(self.rooms, self._counts, strict=True) if counts}

    def record_all(self, lines: Iterable[Line]) -> None:
        """Set the counts of all rooms; a room without a line gets zero counts."""
        self._counts = array("Q", bytes(8 * len(self.rooms)))
        self.unread = self.mentions = 0
        for line in lines:
            self.record(line.room, line.unread, line.mentions)


class Interest:
    """The clients with a live inbox, by user and by room."""

    def __init__(self) -> None:
        self._rooms: dict[str, WatchedRoom] = {}
        self._users: dict[str, dict[str, Watcher]] = {}
        self._channels: Counter[str] = Counter()
        """Channel -> the number of followed rooms that are announced on it."""

    def __iter__(self) -> Iterator[Watcher]:
        return (watcher for devices in self._users.values() for watcher in devices.values())

    def room_names(self) -> list[str]:
        """Return all rooms that are followed."""
        return list(self._rooms)

    def users(self) -> list[str]:
        """Return all users with a live inbox here."""
        return list(self._users)

    @property
    def rooms(self) -> int:
        """The number of rooms that are followed."""
        return len(self._rooms)

    def room(self, name: str) -> WatchedRoom | None:
        """Return a room that a client here follows."""
        return self._rooms.get(name)

    def watchers_of(self, user: str) -> list[Watcher]:
        """Return the user's clients with a live inbox."""
        return list(self._users.get(user, {}).values())

    def add_watcher(self, session: ChatSession) -> Watcher:
        """Return the client's watcher; a new watcher follows no room yet."""
        devices = self._users.setdefault(session.user, {})
        return devices.setdefault(session.sid, Watcher(session))

    def remove_watcher(self, session: ChatSession) -> list[str]:
        """Forget a client; return the channels that are no longer needed."""
        devices = self._users.get(session.user, {})
        watcher = devices.pop(session.sid, None)
        if not devices:
            self._users.pop(session.user, None)
        if watcher is None:
            return []
        left = [self._leave(watcher, watched) for watched in watcher.rooms]
        return [channel for channel in left if channel]

    def follow(self, watcher: Watcher, room: str) -> bool:
        """Let a client follow a room; return False if the client followed the room already."""
        if watcher.follows(room):
            return False
        watched = self._rooms.get(room)
        if watched is None:
            watched = self._rooms[room] = WatchedRoom(room)
            self._channels[activity_channel(room)] += 1
        watched.watchers.append(watcher)
        watcher.add(watched)
        return True

    def unfollow(self, watcher: Watcher, room: str) -> str | None:
        """Stop a client from following a room; return the channel if it is no longer needed."""
        watched = self._rooms.get(room)
        if watched is None or not watcher.follows(room):
            return None
        watcher.remove(room)
        return self._leave(watcher, watched)

    def _leave(self, watcher: Watcher, watched: WatchedRoom) -> str | None:
        watched.watchers.remove(watcher)
        if watched.watchers:
            return None
        del self._rooms[watched.name]
        channel = activity_channel(watched.name)
        self._channels[channel] -= 1
        if self._channels[channel]:
            return None
        del self._channels[channel]
        return channel
