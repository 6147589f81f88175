"""Who is in a room, across all gateways. Raises RoomcastError for Redis trouble; all writes are safe to repeat."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import MAX_LIST, MAX_PRESENCE_ROOM
from roomcast.gateway.stores.redis_port import RedisPort, Scripts, translated
from roomcast.wire.envelope import note_head, pack_note

ENTRY_SECONDS: Final = 60
"""An entry lives this long; refresh every 20 s."""

_REFRESH_USERS: Final = 200
_REFRESH_ROOMS: Final = 25
_SORTED_UP_TO: Final = 1_000
_SCAN_COUNT: Final = 50
_CURSOR: Final = "~"


class Roster(NamedTuple):
    """A room after a change: how many distinct users are there, who came and went by this call, and who is there.

    `users` holds everybody in a room of up to the asked number of users, else nobody.
    """

    occupancy: int
    appeared: list[str]
    vanished: list[str]
    users: list[str]


class JoinResult(NamedTuple):
    """A room as a user finds it who joins: `occupancy` and `users` as in `Roster`, and what people have read.

    `marks` are those of all in a room of up to `MAX_PRESENCE_ROOM` users, else only the user's own.
    """

    occupancy: int
    users: list[str]
    marks: dict[str, int]


class MembersPage(NamedTuple):
    """A page of users; `after` asks for the next one (None: this was the last)."""

    users: list[str]
    after: str | None


class RosterStore:
    """Room occupancy, exact per user: a user counts once, on however many devices and gateways.

    The caller enters a user with the first local connection in a room, exits with the last, refreshes every 20 s, and
    keeps invisible users out. All gateways that hear the room are told of who appears and vanishes (`OccupancyChange`).
    """

    def __init__(
        self, scripts: Scripts, node: str, *, namespace: str = "/", entry_seconds: int = ENTRY_SECONDS
    ) -> None:
        self._redis = RedisPort(scripts)
        self._node = node
        self._namespace = namespace
        self._note_head = note_head(namespace)
        self._entry_seconds = entry_seconds

    def enter(
        self, room: str, user: str, name: str = "", status: str = "online", *, users: int = MAX_PRESENCE_ROOM
    ) -> Awaitable[JoinResult]:
        """The user's first connection on this node is in the room. Asked for now; await the answer in any case.

        The others are told this display name and status; the answer names all users in a room of up to `users`.
        """
        return self._find(room, user, self._entry_seconds, users, name or user, status)

    def look(self, room: str, user: str, *, users: int = MAX_PRESENCE_ROOM) -> Awaitable[JoinResult]:
        """The same without entering: for a further connection of the user, or an invisible one."""
        return self._find(room, user, "", users, "", "")

    def _find(
        self, room: str, user: str, entry_seconds: int | str, users: int, name: str, status: str
    ) -> Awaitable[JoinResult]:
        args = (user, self._node, entry_seconds, users, name, status, self._note_head, MAX_PRESENCE_ROOM)
        with translated:
            return _entrance(self._redis.begin_script("room_enter", _keys(room), args))

    async def exit(self, room: str, user: str) -> Roster:
        """The user's last connection on this node has left the room."""
        return await self._run("room_exit", room, user, self._node, self._note_head)

    async def refresh(
        self, rooms: Sequence[str], here: Callable[[str], list[str]], *, users: int = MAX_PRESENCE_ROOM
    ) -> AsyncIterator[tuple[str, Roster]]:
        """The users of this node in each room are still there; a few rooms at a time, large ones in parts.

        `here(room)` is asked when it is the room's turn, and again for each part: who has left is not entered again.
        The others hear of those who vanish; who appears is the caller's to `tell`.
        """
        for start in range(0, len(rooms), _REFRESH_ROOMS):
            part = rooms[start : start + _REFRESH_ROOMS]
            answers = await asyncio.gather(*(self._refresh_room(room, here, users) for room in part))
            for answer in zip(part, answers, strict=True):
                yield answer

    async def tell(self, room: str, note: OccupancyChange) -> None:
        """Tell all gateways that hear the room."""
        await self._redis.call("SPUBLISH", keys.room_channel(room), pack_note(self._namespace, note))

    async def _refresh_room(self, room: str, here: Callable[[str], list[str]], users: int) -> Roster:
        appeared: list[str] = []
        vanished: list[str] = []
        roster = Roster(0, [], [], [])
        members = here(room)
        for start in range(0, max(1, len(members)), _REFRESH_USERS):
            chunk = members[start : start + _REFRESH_USERS]
            if start > 0:
                still = set(here(room))
                chunk = [user for user in chunk if user in still]
            is_last = start + _REFRESH_USERS >= len(members)
            args = (self._node, self._entry_seconds, users if is_last else 0, self._note_head)
            roster = await self._run("room_refresh", room, *args, *chunk)
            appeared += roster.appeared
            vanished += roster.vanished
        return roster._replace(appeared=appeared, vanished=vanished)

    async def occupancy(self, room: str) -> int:
        return int(await self._redis.call("HLEN", keys.room_heads(room)))

    async def some(self, room: str, limit: int) -> list[str]:
        """Up to `limit` of the users in the room, sorted; of a larger room a random part."""
        names = await self._redis.call("HRANDFIELD", keys.room_heads(room), limit)
        return sorted(name.decode() for name in names)

    async def page(self, room: str, after: str | None, limit: int = MAX_LIST) -> MembersPage:
        """Users in the room, page by page; `after` is what the page before returned.

        Up to a thousand users come sorted. A larger room is walked by Redis's own cursor: everybody who stays
        in the room meanwhile comes at least once. Raises BAD_REQUEST for an `after` that no page returned.
        """
        if after is not None and after.startswith(_CURSOR):
            return await self._scan(room, after.removeprefix(_CURSOR))
        if await self.occupancy(room) > _SORTED_UP_TO:
            return await self._scan(room, "0")
        names = sorted(name.decode() for name in await self._redis.call("HKEYS", keys.room_heads(room)))
        start = 0 if after is None else bisect_right(names, after)
        users = names[start : start + limit]
        return MembersPage(users, users[-1] if start + limit < len(names) else None)

    async def _scan(self, room: str, cursor: str) -> MembersPage:
        if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 20 and int(cursor) < 2**64):
            raise RoomcastError(Code.BAD_REQUEST, "`after` is not of a page before")
        following, flat = await self._redis.call("HSCAN", keys.room_heads(room), cursor, "COUNT", _SCAN_COUNT)
        users = [name.decode() for name in flat[::2]]
        return MembersPage(users[:MAX_LIST], None if following == b"0" else f"{_CURSOR}{following.decode()}")

    async def _run(self, name: str, room: str, *args: bytes | str | int) -> Roster:
        occupancy, appeared, vanished, users = await self._redis.script(name, _keys(room)[:3], args)
        return Roster(occupancy, _texts(appeared), _texts(vanished), _texts(users))


@lru_cache(4096)
def _keys(room: str) -> tuple[str, ...]:
    return keys.room_here(room), keys.room_heads(room), keys.room_channel(room), keys.room_read(room)


async def _entrance(reply: Awaitable[Any]) -> JoinResult:
    with translated:
        occupancy, users, marks = await reply
    return JoinResult(
        occupancy, _texts(users), {marks[at].decode(): int(marks[at + 1]) for at in range(0, len(marks), 2)}
    )


def _texts(values: Iterable[bytes]) -> list[str]:
    return [value.decode() for value in values]
