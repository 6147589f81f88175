"""Check the `mentions` of messages: they may name only users who read the room."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.inbox import Line, mention_refusal

_CHECKS_AT_ONCE: Final = 32
"""Bound on concurrent checks, for all clients together, because many checks would delay other commands. Redis needs
almost 1 ms to check twenty users, and a command fails if it waits longer than 1 s."""
MAX_WAITING: Final = 256
"""Bound on messages whose mentions wait or are being checked; the gateway refuses further messages with mentions."""


class Readers(Protocol):
    """The inbox lines of a room's users; see `roomcast.gateway.stores.inbox.InboxStore`."""

    async def read_lines(self, rooms: Mapping[str, Sequence[str]], *, with_last: bool) -> list[Line]:
        """Return the line of each room for each of its users."""
        ...

    async def find_listed(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return the `(user, room)` pairs whose room is on the user's list."""
        ...


class Mentions:
    """Checks the `mentions` of messages."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._free = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._waiting = 0

    async def require_readers(self, room: str, users: Sequence[str]) -> list[str]:
        """Return the users without repetitions; raise FORBIDDEN if a user does not read the room.

        Raise RATE_LIMITED while MAX_WAITING messages wait or are being checked.
        """
        if self._waiting >= MAX_WAITING:
            raise RoomcastError(Code.RATE_LIMITED, "too many messages with mentions", retry_after=1.0)
        unique = list(dict.fromkeys(users))
        self._waiting += 1
        try:
            async with self._free:
                strangers = await self._find_strangers(room, unique)
        finally:
            self._waiting -= 1
        if strangers:
            raise mention_refusal(room, strangers)
        return unique

    async def _find_strangers(self, room: str, users: Sequence[str]) -> list[str]:
        lines = await self._readers.read_lines({room: users}, with_last=False)
        unsure = {(line.user, room) for line in lines if not line.reads_room(is_listed=False)}
        listed = await self._readers.find_listed(unsure) if unsure else set()
        return [line.user for line in lines if not line.reads_room(is_listed=(line.user, room) in listed)]
