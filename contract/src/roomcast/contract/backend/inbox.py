"""Read a user's inbox."""

from __future__ import annotations

import asyncio
import re
from typing import Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.backend.redis_link import RedisLink, check_ids
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import CURSOR, MAX_LIST
from roomcast.contract.inbox import Line, page_of, read_lines, summary_keys

_CURSOR: Final = re.compile(CURSOR)
_AT_ONCE: Final = 20
"""The most rooms that are read at the same time. Each read needs a connection of the client's pool."""


class InboxPage(NamedTuple):
    """A page of an inbox, the latest activity first, with the totals of all rooms. `after` leads to the next page.

    `rooms`: the number of rooms on the user's list, which were all read for this page; 0 over HTTP.
    """

    lines: list[Line]
    after: str | None
    unread: int
    mentions: int
    rooms: int = 0


class Inboxes(RedisLink):
    """The method of `Backend` that reads inboxes."""

    async def inbox(self, user: str, *, after: str | None = None, limit: int = 50) -> InboxPage:
        """Return a page of a user's inbox: the rooms on the user's list that the user may enter by id or membership.

        The page does not contain rooms that only a pattern in the user's token opens, because a back end does not have
        the token. Raise BAD_REQUEST for an `after` that is not from a page, and for a `limit` that is not 1 to 100.
        """
        check_ids(None, user)
        if (after is not None and not _CURSOR.fullmatch(after)) or not 1 <= limit <= MAX_LIST:
            raise RoomcastError(Code.BAD_REQUEST, "`after` is not from a page of an inbox, or `limit` is not 1 to 100")
        rooms = [room.decode() for room in await self._call("HKEYS", keys.user_rooms(user))]
        lines: list[Line] = []
        for start in range(0, len(rooms), _AT_ONCE):
            lines += await asyncio.gather(*(self._line(room, user) for room in rooms[start : start + _AT_ONCE]))
        visible = [line for line in lines if line.is_open()]
        page, more = page_of(visible, after, limit)
        return InboxPage(
            page,
            page[-1].cursor if more else None,
            sum(line.unread for line in visible),
            sum(line.mentions for line in visible),
            len(rooms),
        )

    async def _line(self, room: str, user: str) -> Line:
        reply = await self._script("room_summary", summary_keys(room), ("last", user), is_read_only=True)
        return read_lines(room, (user,), reply)[0]
