"""Check whom a message mentions: only people who read the room."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from roomcast.contract.inbox import Line, mention_refusal


class Readers(Protocol):
    """The store that knows a room's people; see `roomcast.gateway.stores.inbox.InboxStore`."""

    async def read_lines(self, rooms: Mapping[str, Sequence[str]], *, with_last: bool) -> list[Line]:
        """Return the line of each room for each of its users."""
        ...

    async def find_listed(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return those of the `(user, room)` whose room is on the user's list."""
        ...


class Mentions:
    """Checks the `mentions` of messages."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers

    async def require_readers(self, room: str, users: Sequence[str]) -> list[str]:
        """Return the users, each once; raise FORBIDDEN when one of them does not read the room."""
        unique = list(dict.fromkeys(users))
        lines = await self._readers.read_lines({room: unique}, with_last=False)
        unsure = {(line.user, room) for line in lines if not line.reads_room(is_listed=False)}
        listed = await self._readers.find_listed(unsure) if unsure else set()
        strangers = [line.user for line in lines if not line.reads_room(is_listed=(line.user, room) in listed)]
        if strangers:
            raise mention_refusal(room, strangers)
        return unique
