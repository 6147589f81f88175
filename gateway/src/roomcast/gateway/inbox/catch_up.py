"""Bring inboxes up to date after a lost subscription, during which the gateway missed announcements.

First compare the rooms, each once for all clients that follow it. If the followers were not sent the newest `seq` and
epoch, the room is read again. Then compare the users' lists: a line is read again if its room was added to the list
or removed, or if the line has unread messages, because a read mark may have moved on another device. A client with more
than MAX_LINES such lines is told to request the whole list again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roomcast.gateway.inbox.followed_rooms import Interest, Watcher
from roomcast.gateway.inbox.ports import InboxReads

ROOMS_AT_ONCE: Final = 500
ROOMS_PER_SECOND: Final = 10_000
"""Rooms compared per second: each takes one short command."""
USERS_AT_ONCE: Final = 50
USERS_PER_SECOND: Final = 500
"""Users whose lists are compared per second: each takes one command, and a script for each line that is read again."""
MAX_LINES: Final = 25
"""Most lines of one client that are read again one by one. Above that, reading the whole list is not more work."""


class CatchUp:
    """Compares the followed rooms and then the users' lists with Redis, in steps. `start` begins again with all rooms.

    `note_room` schedules a read of a room, and `note_line` a read of one user's line of a room. `reset` tells a client
    to request its list again.
    """

    def __init__(
        self,
        interest: Interest,
        reads: InboxReads,
        note_room: Callable[[str], None],
        note_line: Callable[[str, str], None],
        reset: Callable[[Watcher], None],
    ) -> None:
        self._interest = interest
        self._reads = reads
        self._note_room = note_room
        self._note_line = note_line
        self._reset = reset
        self._rooms: list[str] = []
        self._users: list[str] = []

    @property
    def is_running(self) -> bool:
        """Return whether rooms or users are still to be compared."""
        return bool(self._rooms or self._users)

    @property
    def users(self) -> int:
        """The number of users who are still to be compared."""
        return len(self._users)

    def start(self) -> None:
        """Begin with all rooms and users that are followed now."""
        self._rooms, self._users = self._interest.room_names(), self._interest.users()

    async def step(self) -> float:
        """Compare the next rooms, or the next users; return the seconds until the next step is due.

        Raises RoomcastError when Redis fails; the next call then repeats the step.
        """
        if self._rooms:
            return await self._compare_rooms()
        return await self._compare_users() if self._users else 0.0

    async def _compare_rooms(self) -> float:
        all_rooms, rooms = self._rooms, self._rooms[-ROOMS_AT_ONCE:]
        states = await self._reads.read_states(rooms)
        for room, state in zip(rooms, states, strict=True):
            watched = self._interest.room(room)
            if watched is not None and watched.told != state:
                self._note_room(room)
        del all_rooms[-len(rooms) :]  # not `self._rooms`: `start` may have replaced that list during the read
        return len(rooms) / ROOMS_PER_SECOND

    async def _compare_users(self) -> float:
        all_users, users = self._users, self._users[-USERS_AT_ONCE:]
        lists = await self._reads.read_lists(users)
        for user, listed in zip(users, lists, strict=True):
            for watcher in self._interest.watchers_of(user):
                self._compare(watcher, set(listed))
        del all_users[-len(users) :]
        return len(users) / USERS_PER_SECOND

    def _compare(self, watcher: Watcher, listed: set[str]) -> None:
        lines = (listed ^ {watched.name for watched in watcher.rooms}) | watcher.rooms_with_news()
        if len(lines) > MAX_LINES:
            return self._reset(watcher)
        for room in lines:
            self._note_line(watcher.session.user, room)
        return None
