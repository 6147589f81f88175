"""Read a user's inbox."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from roomcast.contract import keys
from roomcast.contract.backend.lookups import Lookups
from roomcast.contract.backend.redis_link import check_ids
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.rooms import CURSOR
from roomcast.contract.inbox import Line, name_of, page_of, people_in, read_lines, shown, summary_keys
from roomcast.contract.limits import MAX_LIST

T = TypeVar("T")

_CURSOR: Final = re.compile(CURSOR)
_AT_ONCE: Final = 20
"""The most reads at the same time. Each needs a connection of the client's pool."""


class InboxLine(NamedTuple):
    """One room in a user's inbox, with the fields of `inbox:list` and the user's role.

    `active`: the time of the latest text or media in ms, at most a second too early; 0 if none. `read`: the user's
    read mark. `last`: the preview of the latest text or media, or None. `role`: empty for a user who is no member.
    """

    room: str
    name: str
    seq: int
    epoch: str
    active: int
    unread: int
    mentions: int
    read: int
    last: dict[str, Any] | None
    role: str


class InboxPage(NamedTuple):
    """A page of an inbox, the latest activity first, with the totals of all rooms. `after` leads to the next page.

    `listed`: the number of rooms on the user's list, which were all read for this page; 0 over HTTP.
    """

    rooms: list[InboxLine]
    more: bool
    after: str | None
    unread: int
    mentions: int
    listed: int = 0


class Inboxes(Lookups):
    """The method of `Backend` that reads inboxes."""

    async def inbox(self, user: str, *, after: str | None = None, limit: int = 50) -> InboxPage:
        """Return a page of a user's inbox: the rooms on the user's list that the user may enter by id or membership.

        The page does not contain rooms that only a pattern in the user's token opens, because a back end does not have
        the token. Raise BAD_REQUEST for an `after` that is not from a page, and for a `limit` that is not 1 to 100.
        """
        check_ids(None, user)
        if (after is not None and not _CURSOR.fullmatch(after)) or not 1 <= limit <= MAX_LIST:
            raise RoomcastError(Code.BAD_REQUEST, "`after` is not from a page of an inbox, or `limit` is not 1 to 100")
        # `rooms_of` returns the id of a room that has no name on the list.
        listed = {room: "" if name == room else name for room, name in await self.rooms_of(user)}
        lines = await _in_groups([partial(self._line, room, user) for room in listed])
        visible = [line for line in lines if line.is_open()]
        page, more = page_of(visible, after, limit)
        names = dict(await _in_groups([partial(self._name, person) for person in people_in(page)]))
        return InboxPage(
            [InboxLine(**shown(line, name_of(line, names, listed[line.room])), role=line.role) for line in page],
            more,
            page[-1].cursor if more else None,
            sum(line.unread for line in visible),
            sum(line.mentions for line in visible),
            len(listed),
        )

    async def _line(self, room: str, user: str) -> Line:
        reply = await self._script("room_summary", summary_keys(room), ("last", user), is_read_only=True)
        return read_lines(room, (user,), reply)[0]

    async def _name(self, user: str) -> tuple[str, str]:
        """Return a user's id and name; the name of an unknown user is the id."""
        name = await self._call("HGET", keys.user_person(user), "name")
        return user, name.decode() if name else user


async def _in_groups(reads: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """Run reads, `_AT_ONCE` at a time. Return their results in the same order."""
    found: list[T] = []
    for start in range(0, len(reads), _AT_ONCE):
        found += await asyncio.gather(*(read() for read in reads[start : start + _AT_ONCE]))
    return found
