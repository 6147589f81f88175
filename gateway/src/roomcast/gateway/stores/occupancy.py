"""Store in Redis which users are in which room, across all gateways.

Every method raises RoomcastError when Redis fails, and every write is safe to repeat.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_LIST, MAX_PRESENCE_ROOM
from roomcast.gateway.stores.redis_port import RedisPort, Scripts, translated
from roomcast.wire.envelope import encode_struct, note_head

ENTRY_SECONDS: Final = 60
"""Life of an entry in seconds; gateways refresh their entries every 20 s."""

_REFRESH_USERS: Final = 200
_REFRESH_ROOMS: Final = 25
_SORTED_UP_TO: Final = 1_000
_SCAN_COUNT: Final = 50
_CURSOR: Final = "~"


class OccupancyUpdate(NamedTuple):
    """A room after a change: the number of distinct users, and the users that the call added and removed.

    `users` lists all users of the room, or is empty if there are more users than the call wanted.
    """

    occupancy: int
    appeared: list[str]
    vanished: list[str]
    users: list[str]


class JoinResult(NamedTuple):
    """The room of a joining user: `occupancy` and `users` as in `OccupancyUpdate`, and read marks by user.

    `marks` covers all users of a room of up to `MAX_PRESENCE_ROOM` users, else only the joining user.
    """

    occupancy: int
    users: list[str]
    marks: dict[str, int]


class OccupantsPage(NamedTuple):
    """A page of users; `after` is the argument for the next page; None on the last page."""

    users: list[str]
    after: str | None


class OccupancyStore:
    """The occupants of rooms. Each user counts once per room, with any number of devices and gateways.

    The caller enters a user with the user's first local connection in a room, and removes the user with the last. The
    caller refreshes the entries every 20 s, and never enters invisible users. The scripts publish users that appear and
    vanish (`OccupancyChange`) to all gateways that subscribe to the room.
    """

    def __init__(
        self,
        scripts: Scripts,
        node: str,
        *,
        namespace: str = "/",
        entry_seconds: int = ENTRY_SECONDS,
        token: tuple[str, ...] = (),
    ) -> None:
        """`token`: the publisher token of this process (see `roomcast.wire.seals`)."""
        self._redis = RedisPort(scripts)
        self._node = node
        self._note_head = note_head(namespace, token)
        self._entry_seconds = entry_seconds

    def enter_room(
        self, room: str, user: str, name: str = "", status: str = "online", *, users: int = MAX_PRESENCE_ROOM
    ) -> Awaitable[JoinResult]:
        """Add a user with the first connection on this node. The call sends the command; always await the reply.

        The script publishes the display name and the status. The reply lists the room's users if the room has
        at most `users` users.
        """
        return self._run_enter(room, user, self._entry_seconds, users, name or user, status)

    def read_room(self, room: str, user: str, *, users: int = MAX_PRESENCE_ROOM) -> Awaitable[JoinResult]:
        """Read the room without adding the user: for a further connection of the user, or an invisible user."""
        return self._run_enter(room, user, "", users, "", "")

    def _run_enter(
        self, room: str, user: str, entry_seconds: int | str, users: int, name: str, status: str
    ) -> Awaitable[JoinResult]:
        args = (user, self._node, entry_seconds, users, name, status, self._note_head, MAX_PRESENCE_ROOM)
        with translated:
            return _read_join(self._redis.begin_script("occupancy_enter", _keys(room), args))

    async def leave_room(self, room: str, user: str) -> OccupancyUpdate:
        """Remove a user whose last connection on this node left the room."""
        return await self._run("occupancy_leave", _keys(room)[:3], user, self._node, self._note_head)

    async def refresh_rooms(
        self, rooms: Sequence[str], local_users: Callable[[str], list[str]], *, users: int = MAX_PRESENCE_ROOM
    ) -> AsyncIterator[tuple[str, OccupancyUpdate]]:
        """Refresh this node's users in each room, a few rooms at a time, and large rooms in parts.

        Calls `local_users(room)` directly before each room and each part, so that a user who has just left is not
        entered again. The script publishes vanished users; the caller publishes appeared users.
        """
        for start in range(0, len(rooms), _REFRESH_ROOMS):
            part = rooms[start : start + _REFRESH_ROOMS]
            results = await asyncio.gather(*(self._refresh_room(room, local_users, users) for room in part))
            for result in zip(part, results, strict=True):
                yield result

    async def publish_change(self, room: str, change: OccupancyChange) -> None:
        """Publish a change to all gateways that subscribe to the room."""
        await self._redis.call("SPUBLISH", keys.room_channel(room), self._note_head + encode_struct(change))

    async def _refresh_room(self, room: str, local_users: Callable[[str], list[str]], users: int) -> OccupancyUpdate:
        appeared: list[str] = []
        vanished: list[str] = []
        result = OccupancyUpdate(0, [], [], [])
        members = local_users(room)
        for start in range(0, max(1, len(members)), _REFRESH_USERS):
            chunk = members[start : start + _REFRESH_USERS]
            if start > 0:
                still = set(local_users(room))
                chunk = [user for user in chunk if user in still]
            is_last = start + _REFRESH_USERS >= len(members)
            args = (self._node, self._entry_seconds, users if is_last else 0, self._note_head)
            result = await self._run("occupancy_refresh", (*_keys(room)[:3], keys.room_meta(room)), *args, *chunk)
            appeared += result.appeared
            vanished += result.vanished
        return result._replace(appeared=appeared, vanished=vanished)

    async def count_users(self, room: str) -> int:
        """Return the number of distinct users in the room."""
        return int(await self._redis.call("HLEN", keys.room_nodes_of(room)))

    async def sample_users(self, room: str, limit: int) -> list[str]:
        """Return up to `limit` users in the room, sorted; a random selection of a larger room."""
        names = await self._redis.call("HRANDFIELD", keys.room_nodes_of(room), limit)
        return sorted(name.decode() for name in names)

    async def page_users(self, room: str, after: str | None, limit: int = MAX_LIST) -> OccupantsPage:
        """Return a page of the users in the room; `after` comes from the previous page.

        The pages of a room of up to a thousand users are sorted. A larger room is scanned with Redis's cursor, which
        returns each user who stays in the room at least once. Raises BAD_REQUEST for an unknown `after`.
        """
        if after is not None and after.startswith(_CURSOR):
            return await self._scan(room, after.removeprefix(_CURSOR))
        if await self.count_users(room) > _SORTED_UP_TO:
            return await self._scan(room, "0")
        names = sorted(name.decode() for name in await self._redis.call("HKEYS", keys.room_nodes_of(room)))
        start = 0 if after is None else bisect_right(names, after)
        users = names[start : start + limit]
        return OccupantsPage(users, users[-1] if start + limit < len(names) else None)

    async def _scan(self, room: str, cursor: str) -> OccupantsPage:
        if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 20 and int(cursor) < 2**64):
            raise RoomcastError(Code.BAD_REQUEST, "`after` is not from an earlier page")
        following, flat = await self._redis.call("HSCAN", keys.room_nodes_of(room), cursor, "COUNT", _SCAN_COUNT)
        users = [name.decode() for name in flat[::2]]
        return OccupantsPage(users[:MAX_LIST], None if following == b"0" else f"{_CURSOR}{following.decode()}")

    async def _run(self, script: str, names: tuple[str, ...], *args: bytes | str | int) -> OccupancyUpdate:
        occupancy, appeared, vanished, users = await self._redis.script(script, names, args)
        return OccupancyUpdate(occupancy, _texts(appeared), _texts(vanished), _texts(users))


@lru_cache(4096)
def _keys(room: str) -> tuple[str, ...]:
    return keys.room_occupants(room), keys.room_nodes_of(room), keys.room_channel(room), keys.room_read(room)


async def _read_join(reply: Awaitable[Any]) -> JoinResult:
    with translated:
        occupancy, users, marks = await reply
    return JoinResult(
        occupancy, _texts(users), {marks[at].decode(): int(marks[at + 1]) for at in range(0, len(marks), 2)}
    )


def _texts(values: Iterable[bytes]) -> list[str]:
    return [value.decode() for value in values]
