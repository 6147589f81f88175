"""Describe, transfer and close stored rooms in Redis, and page through their members."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.envelope import ListChanged
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_LIST
from roomcast.contract.room_info import (
    FIELDS,
    RoomDescription,
    changed_fields,
    keys_of_closed,
    moderator_refusal,
    read_description,
)
from roomcast.gateway.stores.redis_port import RedisPort, Scripts
from roomcast.wire.envelope import pack

_SORTED_UP_TO: Final = 1_000
_CURSOR: Final = "~"
"""First character of an `after` that is a Redis cursor instead of a user id."""
_SCAN_COUNT: Final = 50
_LISTS_AT_ONCE: Final = 200


class MembersPage(NamedTuple):
    """A page of users with their roles; `after` is the argument for the next page; None on the last page."""

    members: list[tuple[str, str]]
    after: str | None


class RoomAdminStore:
    """The stored rooms, for the use cases of their members and owners. Raises RoomcastError when Redis fails."""

    def __init__(self, scripts: Scripts) -> None:
        self._redis = RedisPort(scripts)

    async def describe(self, room: str) -> RoomDescription:
        """Return the description of a stored room; raise NOT_FOUND for a room that is not stored."""
        found = read_description(room, await self._redis.call("HMGET", keys.room_meta(room), *FIELDS))
        if found is None:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        return found

    async def update(
        self, room: str, name: str | None, topic: str | None, data: dict[str, Any] | None, *, by: str
    ) -> None:
        """Change the fields that are not None. `by` is the moderator, or empty for an operator.

        Raises NOT_FOUND, FORBIDDEN if `by` does not moderate the room, BAD_REQUEST for no change, TOO_LARGE for data.
        """
        names = (keys.room_meta(room), keys.room_members(room))
        outcome = int(await self._redis.script("room_update", names, (by, *changed_fields(name, topic, data))))
        if outcome < 0:
            raise moderator_refusal()
        if not outcome:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")

    async def transfer(self, room: str, user: str, by: str) -> None:
        """Make a member the owner. `by` is the user who transfers the room, or empty for an operator.

        Raises FORBIDDEN unless `by` is the owner or empty, and NOT_FOUND for a user who is not a member.
        """
        names = (keys.room_meta(room), keys.room_members(room))
        outcome = await self._redis.script("room_transfer", names, (user, by))
        if outcome == b"other":
            raise RoomcastError(Code.FORBIDDEN, "only the owner")
        if outcome == b"none":
            raise RoomcastError(Code.NOT_FOUND, "no such room or member")

    async def close(self, room: str, by: str) -> list[str]:
        """Delete the room, and return its members. `by` and FORBIDDEN as in `transfer`."""
        members = await self._redis.script("room_close", keys_of_closed(room), (keys.KICK_SECONDS, by))
        if members is None:
            raise RoomcastError(Code.FORBIDDEN, "only the owner")
        return [member.decode() for member in members]

    async def clear_lists(self, room: str, users: list[str]) -> None:
        """Remove a closed room from the lists of its members, _LISTS_AT_ONCE at a time."""
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
        """Record that a user without a stored role has to leave the room now."""
        await self._redis.script("room_kick", (keys.room_kicked(room),), (user, keys.KICK_SECONDS))

    async def page_members(self, room: str, after: str | None, limit: int = MAX_LIST) -> MembersPage:
        """Return a page of the stored members; `after` comes from the previous page.

        The pages of a room of up to a thousand members are sorted by user id. A larger room is scanned with Redis's
        cursor: a user who is a member throughout the scan is on at least one page, and may be on several. Raises
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
            raise RoomcastError(Code.BAD_REQUEST, "`after` is not from an earlier page")
        following, flat = await self._redis.call("HSCAN", key, cursor, "COUNT", _SCAN_COUNT)
        return MembersPage(_pairs(flat), None if following == b"0" else f"{_CURSOR}{following.decode()}")


def _pairs(flat: list[bytes]) -> list[tuple[str, str]]:
    return [(flat[at].decode(), flat[at + 1].decode()) for at in range(0, len(flat), 2)]
