"""Stored rooms in Redis: memberships, names, users' room lists, read marks; also display names and revocations."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from roomcast.contract import keys
from roomcast.contract.envelope import ListChanged
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.inbox import Line, read_lines, summary_keys
from roomcast.contract.limits import MAX_ROOMS_PER_USER, ROOM_LIST_SECONDS
from roomcast.contract.room_info import moderator_refusal
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.stores.redis_port import RedisPort, Scripts, translated
from roomcast.wire.envelope import pack

ROOMS_PER_DAY: Final = 200
_DAY_SECONDS: Final = 86_400
_NAME_SECONDS: Final = 60.0
"""Lifetime of a display name in the cache, in seconds. A `ProfileChanged` message removes the name earlier."""
_UNKNOWN_SECONDS: Final = 3.0
"""Lifetime of an id that is cached as the name of a user without a profile, in seconds. It is shorter, because a first
sign-in sends no `ProfileChanged`."""
_MAX_NAMES: Final = 20_000
_OWN_ROOMS: Final = 50
"""Places of a room list that invitations and messages of other users cannot take."""
_NO_ROOM: Final = -1
_NO_MODERATOR: Final = -2
_NOBODY: Final = (float("-inf"), "")


class RoomStore:
    """Memberships and room lists. Raises RoomcastError when Redis fails, and for rules that the scripts enforce."""

    def __init__(
        self, scripts: Scripts, clock: Callable[[], float] = time.monotonic, *, rooms_per_day: int = ROOMS_PER_DAY
    ) -> None:
        """`rooms_per_day` bounds the rooms that a user may create per day, unless a back end sets another bound."""
        self._rooms_per_day = rooms_per_day
        self._redis = RedisPort(scripts)
        self._clock = clock
        self._names: dict[str, tuple[float, str]] = {}
        """User -> (time until which the name is cached, name)."""

    async def read_role(self, room: str, user: str) -> str | None:
        """Return `owner`, `admin`, `member`, or None. In a room stored as public every user is a member."""
        return _text(await self._redis.script("room_role", (keys.room_meta(room), keys.room_members(room)), (user,)))

    async def create_room(self, room: str, owner: str, kind: str, name: str, *, is_new: bool = True) -> bool:
        """Store a room; raise CONFLICT if it is stored already or, with `is_new`, if the id was ever used.

        Returns True if Redis had no trace of the room. Then sessions may still be in an expired room of the same id.
        With `is_new`, Redis removes the room after `keys.UNUSED_ROOM_SECONDS` unless a message was written into it.
        """
        names = (keys.room_meta(room), keys.room_members(room), keys.room_counts(room))
        args = (owner, kind, name, "unused", keys.UNUSED_ROOM_SECONDS) if is_new else (owner, kind, name, "", "")
        outcome = int(await self._redis.script("room_create", names, args))
        if outcome < 0:
            raise RoomcastError(Code.CONFLICT, "a room of this id exists")
        return bool(outcome)

    async def take_creation(self, user: str) -> None:
        """Count a room that the user creates; raise RATE_LIMITED above the allowed rooms per day."""
        args = (self._rooms_per_day, _DAY_SECONDS, "rooms")
        wait = int(await self._redis.script("user_created", (keys.user_created(user),), args))
        if wait:
            raise RoomcastError(Code.RATE_LIMITED, "too many rooms created today", retry_after=float(wait))

    async def set_role(self, room: str, user: str, role: str, *, by: str) -> None:
        """Make `user` a member; an owner stays the owner. `by` is the moderator, or empty for an operator.

        Raises NOT_FOUND for a room that is not stored, and FORBIDDEN if `by` does not moderate it.
        """
        names = (keys.room_meta(room), keys.room_members(room))
        outcome = await self._redis.script("room_grant", names, (user, role, by))
        if outcome == _NO_ROOM:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        if outcome == _NO_MODERATOR:
            raise moderator_refusal()

    async def remove_member(self, room: str, user: str, *, by: str) -> int:
        """Delete a membership; return 0, or the time (ms) of an earlier removal within the last minute.

        `by` is the user, a moderator, or empty for an operator. Raises FORBIDDEN for the owner and for any other `by`,
        and NOT_FOUND for a user who is not a member.
        """
        names = (keys.room_members(room), keys.room_kicked(room))
        outcome, moment = await self._redis.script("room_remove", names, (user, keys.KICK_SECONDS, by))
        if outcome == b"refused":
            raise moderator_refusal()
        if outcome == b"owner":
            raise RoomcastError(Code.FORBIDDEN, "the owner cannot be removed")
        if outcome == b"none":
            raise RoomcastError(Code.NOT_FOUND, "no such member")
        return 0 if outcome == b"removed" else int(moment)

    async def read_kicks(self, rooms: Mapping[str, Collection[str]]) -> dict[str, dict[str, int]]:
        """Return, by room and user, the times of recent kicks (ms by Redis's clock); the user `*` means all users.

        Takes one round trip. Reads only the kicks of these users, because a moderator can kick 100,000 users a day.
        """
        asked = {room: ("*", *users) for room, users in rooms.items()}
        commands: list[tuple[str, str, *tuple[str, ...]]] = [
            ("HMGET", keys.room_kicked(room), *users) for room, users in asked.items()
        ]
        found = await self._redis.run_together(*commands)
        return {
            room: {user: int(at) for user, at in zip(users, times, strict=True) if at is not None}
            for (room, users), times in zip(asked.items(), found, strict=True)
        }

    async def read_name(self, room: str) -> str:
        """Return the room's display name, or its id."""
        return _text(await self._redis.call("HGET", keys.room_meta(room), "name")) or room

    # --- a person's rooms ---

    async def add_to_list(self, user: str, room: str, name: str = "", *, by_other: bool = False) -> None:
        """Add the room to the person's list, if the list is not full. `by_other`: another user adds the room."""
        most = MAX_ROOMS_PER_USER - (_OWN_ROOMS if by_other else 0)
        args = (room, name, most, ROOM_LIST_SECONDS, pack(ListChanged(room)))
        await self._redis.script("user_room", (keys.user_rooms(user), keys.user_channel(user)), args)

    def note_join(self, user: str, person: str, room: str) -> Awaitable[None]:
        """Put the room on the list of a user who joins, and store the user's display name.

        The call sends the command; always await the reply.
        """
        names = (keys.user_rooms(user), keys.user_channel(user), keys.user_person(user))
        args = (room, "", MAX_ROOMS_PER_USER, ROOM_LIST_SECONDS, pack(ListChanged(room)), person)
        with translated:
            return _done(self._redis.begin_script("user_room", names, args))

    async def remove_from_list(self, user: str, room: str) -> None:
        """Remove the room from the user's list."""
        names, args = (keys.user_rooms(user), keys.user_channel(user)), (room, pack(ListChanged(room)))
        await self._redis.script("user_room_remove", names, args)

    async def page_list(self, user: str, after: str | None, limit: int) -> tuple[list[Line], bool]:
        """Return a page of the user's list, by room id, and whether more lines follow. Each line has a name."""
        flat = await self._redis.call("HGETALL", keys.user_rooms(user))
        names = {flat[i].decode(): flat[i + 1].decode() for i in range(0, len(flat), 2)}
        rooms = sorted(room for room in names if after is None or room > after)
        calls = ((summary_keys(room), ("last", user)) for room in rooms[:limit])
        replies = await self._redis.run_scripts("room_summary", calls)
        lines = [read_lines(room, (user,), reply)[0] for room, reply in zip(rooms, replies, strict=False)]
        named = [line._replace(name=line.name or names[line.room] or line.room) for line in lines]
        return named, len(rooms) > limit

    # --- receipts ---

    async def move_read_mark(self, room: str, user: str, seq: int) -> int | None:
        """Move the user's read mark forward; return the new mark, or None if it did not move."""
        names = (keys.room_meta(room), keys.room_read(room), keys.room_log(room), keys.room_counts(room))
        moved = await self._redis.script("room_read_mark", names, (user, str(seq)))
        return int(moved) or None

    def read_marks(self, room: str, users: list[str]) -> Awaitable[dict[str, int]]:
        """Read the read marks of one or more users. The call sends the command; always await the reply."""
        with translated:
            return self._marks(users, self._redis.begin("HMGET", keys.room_read(room), *users))

    @staticmethod
    async def _marks(users: list[str], reply: Awaitable[Any]) -> dict[str, int]:
        with translated:
            marks = await reply
        return {user: int(mark) for user, mark in zip(users, marks, strict=True) if mark is not None}

    # --- people ---

    async def names(self, users: list[str]) -> dict[str, str]:
        """Return display names, up to a minute old; the name of an unknown user is the id."""
        now = self._clock()
        unknown = [user for user in users if self._names.get(user, _NOBODY)[0] < now]
        if unknown:
            found = await self._redis.run_together(*(("HGET", keys.user_person(user), "name") for user in unknown))
            for user, name in zip(unknown, found, strict=True):
                self._cache_name(user, _text(name) or user, _UNKNOWN_SECONDS if name is None else _NAME_SECONDS)
        return {user: self._names[user][1] if user in self._names else user for user in users}

    def note_name(self, user: str, name: str) -> None:
        """Cache a user's display name for a minute, so that `names` does not read it."""
        self._cache_name(user, name, _NAME_SECONDS)

    def _cache_name(self, user: str, name: str, seconds: float) -> None:
        if len(self._names) >= _MAX_NAMES:
            self._names.clear()
        self._names[user] = (self._clock() + seconds, name)

    def forget_name(self, user: str) -> None:
        """Drop a user's display name from the cache."""
        self._names.pop(user, None)

    # --- revocations ---

    async def now_ms(self) -> int:
        """Return the time of Redis's clock, in milliseconds since the Unix epoch."""
        return await self._redis.now_ms(keys.CONTROL)

    def is_revoked(self, identity: Identity) -> Awaitable[bool]:
        """Return whether this token was revoked: by itself, with its sign-in, or with the user's earlier tokens.

        The call sends the commands; always await the reply.
        """
        return self._any_revoked(identity, self._redis.run_together(*_revocations(identity)))

    @staticmethod
    async def _any_revoked(identity: Identity, replies: Awaitable[list[Any]]) -> bool:
        before, *others = await replies
        return (before is not None and identity.issued <= int(before)) or any(others)


async def _done(reply: Awaitable[Any]) -> None:
    with translated:
        await reply


def _revocations(identity: Identity) -> list[tuple[str, str]]:
    """Build the revocation look-ups. A token without `jti` or `sid` cannot be revoked by that claim."""
    asked = [("GET", keys.revoked_user(identity.user))]
    if identity.token_id:
        asked.append(("EXISTS", keys.revoked_token(identity.token_id)))
    if identity.session_id:
        asked.append(("EXISTS", keys.revoked_session(identity.session_id)))
    return asked


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
