"""Descriptions of stored rooms, their members in pages, their owners and their end, in Redis."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.envelope import ListChanged
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import MAX_LIST
from roomcast.contract.room_info import FIELDS, RoomDescription, changed_fields, keys_of_closed, read_description
from roomcast.gateway.stores.redis_port import RedisPort, Scripts
from roomcast.wire.envelope import pack

_SORTED_UP_TO: Final = 1_000
_CURSOR: Final = "~"
"""Marks an `after` that is a cursor of Redis rather than a user id."""
_SCAN_COUNT: Final = 50
_LISTS_AT_ONCE: Final = 200


class MembersPage(NamedTuple):
    """Users with their roles; `after` asks for the next page (None: this is the last)."""

    members: list[tuple[str, str]]
    after: str | None


class RoomAdminStore:
    """Stored rooms, as their members and owners see and change them. Raises RoomcastError."""

    def __init__(self, scripts: Scripts) -> None:
        self._redis = RedisPort(scripts)

    async def describe(self, room: str) -> RoomDescription:
        """Return what a stored room says of itself; raise NOT_FOUND for a room that is not stored."""
        found = read_description(room, await self._redis.call("HMGET", keys.room_meta(room), *FIELDS))
        if found is None:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        return found

    async def update(self, room: str, name: str | None, topic: str | None, data: dict[str, Any] | None) -> None:
        """Change what is not None. Raises NOT_FOUND, BAD_REQUEST for a change of nothing, TOO_LARGE for data."""
        if not await self._redis.script("room_update", (keys.room_meta(room),), changed_fields(name, topic, data)):
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")

    async def transfer(self, room: str, user: str, by: str) -> None:
        """Make a member the owner. `by` gives the room away; empty: an operator does.

        Raises FORBIDDEN unless `by` is the owner, NOT_FOUND for a user who is no member.
        """
        names = (keys.room_meta(room), keys.room_members(room))
        outcome = await self._redis.script("room_transfer", names, (user, by))
        if outcome == b"other":
            raise RoomcastError(Code.FORBIDDEN, "only the owner")
        if outcome == b"none":
            raise RoomcastError(Code.NOT_FOUND, "no such room or member")

    async def close(self, room: str, by: str) -> list[str]:
        """Forget the room, and return its members; `by` as in `transfer`. Raises FORBIDDEN unless `by` is the owner."""
        members = await self._redis.script("room_close", keys_of_closed(room), (keys.KICK_SECONDS, by))
        if members is None:
            raise RoomcastError(Code.FORBIDDEN, "only the owner")
        return [member.decode() for member in members]

    async def clear_lists(self, room: str, users: list[str]) -> None:
        """Take a closed room off the lists of its members, some at a time."""
        args = (room, pack(ListChanged(room)))
        for start in range(0, len(users), _LISTS_AT_ONCE):
            part = users[start : start + _LISTS_AT_ONCE]
            names = ((keys.user_rooms(user), keys.user_channel(user)) for user in part)
            await self._redis.run_scripts("user_room_remove", ((each, args) for each in names))

    async def read_role(self, room: str, user: str) -> str | None:
        """Return the stored role of a user, or None."""
        role = await self._redis.call("HGET", keys.room_members(room), user)
        return None if role is None else str(role.decode())

    async def record_kick(self, room: str, user: str) -> None:
        """Record that a user who is no member has to leave now."""
        await self._redis.script("room_kick", (keys.room_kicked(room),), (user, keys.KICK_SECONDS))

    async def page_members(self, room: str, after: str | None, limit: int = MAX_LIST) -> MembersPage:
        """Return a page of the stored members; `after` comes from the page before.

        The pages of a room of up to a thousand members are sorted by user id. A larger room is scanned with Redis's
        cursor: a user who is a member from the first page to the last is on one page, and may be on two. Raises
        BAD_REQUEST for an unknown `after`.
        """
        key = keys.room_members(room)
        if after is not None and after.startswith(_CURSOR):
            return await self._scan(key, after.removeprefix(_CURSOR))
        if int(await self._redis.call("HLEN", key)) > _SORTED_UP_TO:
            return await self._scan(key, "0")
        roles = dict(_pairs(await self._redis.call("HGETALL", key)))
        users = sorted(roles)
        start = 0 if after is None else bisect_right(users, after)
        page = users[start : start + limit]
        return MembersPage([(user, roles[user]) for user in page], page[-1] if start + limit < len(users) else None)

    async def _scan(self, key: str, cursor: str) -> MembersPage:
        if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= 20 and int(cursor) < 2**64):
            raise RoomcastError(Code.BAD_REQUEST, "`after` is not of a page before")
        following, flat = await self._redis.call("HSCAN", key, cursor, "COUNT", _SCAN_COUNT)
        return MembersPage(_pairs(flat), None if following == b"0" else f"{_CURSOR}{following.decode()}")


def _pairs(flat: list[bytes]) -> list[tuple[str, str]]:
    return [(flat[at].decode(), flat[at + 1].decode()) for at in range(0, len(flat), 2)]
