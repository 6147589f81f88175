"""Keep mutes, bans, slow modes, block lists and reports in Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_BLOCKED, MAX_REPORTS, MAX_SANCTIONS
from roomcast.contract.room_info import moderator_refusal, sanction_keys
from roomcast.gateway.stores.redis_port import RedisPort, Scripts

_FIELD: Final = "report"
REPORTS_PER_DAY: Final = 100
"""Reports of one user per day. The queue keeps 10,000, and one user must not fill the queue."""
MAX_ROOM_REPORTS: Final = 1_000
"""Most open reports in the index of one room. Moderators list reports from this index, not from the global queue."""
_ROOM_REPORTS_SECONDS: Final = 90 * 86_400
_DAY_SECONDS: Final = 86_400
_FULL: Final = -2
_NO_ROOM: Final = -3
_NO_MODERATOR: Final = -4
_OWNER: Final = -5


class RoomSanctions(NamedTuple):
    """The muted and banned users of a room with the end in ms (0: no end), and the slow mode in seconds (0: off)."""

    muted: Mapping[str, int]
    banned: Mapping[str, int]
    slow_seconds: int


class UserSanctions(NamedTuple):
    """A user's mute and ban everywhere: the end in ms, 0 for no end, None for no sanction."""

    muted_until: int | None
    banned_until: int | None


class ModerationStore:
    """Reads and changes sanctions, block lists and reports. Raises RoomcastError when Redis fails."""

    def __init__(self, scripts: Scripts) -> None:
        self._redis = RedisPort(scripts)

    async def room(self, room: str) -> RoomSanctions:
        """Return the sanctions of a room, including ended ones."""
        flat = await self._redis.call("HGETALL", keys.room_sanctions(room))
        fields = {flat[at].decode(): int(flat[at + 1]) for at in range(0, len(flat), 2)}
        slow = fields.pop("slow", 0)
        parted: dict[str, dict[str, int]] = {"mute": {}, "ban": {}}
        for field, ends in fields.items():
            kind, _, user = field.partition(":")
            parted.setdefault(kind, {})[user] = ends
        return RoomSanctions(parted["mute"], parted["ban"], slow)

    async def user(self, user: str) -> UserSanctions:
        """Return the sanctions of a user everywhere."""
        found = await self._redis.call("HMGET", keys.user_sanctions(user), "mute", "ban")
        return UserSanctions(*(None if value is None else int(value) for value in found))

    async def sanction(self, room: str, user: str, kind: str, seconds: int, *, by: str) -> int:
        """Mute or ban for `seconds` (0: without an end); return the end in ms (0: no end).

        `by` is the moderator, or empty for an operator. Raises TOO_LARGE if the room has MAX_SANCTIONS sanctions. For a
        moderator, raises NOT_FOUND if the room is not stored (it may just have been closed), and FORBIDDEN if `by` does
        not moderate the room or the user is its owner.
        """
        return await self._sanction(room, user, kind, seconds, by)

    async def lift(self, room: str, user: str, kind: str, *, by: str) -> None:
        """Lift a sanction, if there is one. Raises the same errors as `sanction`."""
        await self._sanction(room, user, kind, -1, by)

    async def _sanction(self, room: str, user: str, kind: str, seconds: int, by: str) -> int:
        args = (f"{kind}:{user}", seconds, MAX_SANCTIONS, by)
        outcome = int(await self._redis.script("room_sanction", sanction_keys(room), args))
        if outcome == _NO_ROOM:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        if outcome == _NO_MODERATOR:
            raise moderator_refusal()
        if outcome == _OWNER:
            raise RoomcastError(Code.FORBIDDEN, "only operators sanction the owner")
        if outcome == _FULL:
            raise RoomcastError(Code.TOO_LARGE, f"a room holds at most {MAX_SANCTIONS} sanctions")
        return outcome

    async def set_slow(self, room: str, seconds: int, *, by: str) -> None:
        """Set the slow mode of a room; 0 ends it. `by`, NOT_FOUND and FORBIDDEN as with `sanction`."""
        outcome = int(await self._redis.script("room_slow_set", sanction_keys(room), (seconds, by)))
        if outcome < 0:
            raise moderator_refusal()
        if not outcome:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")

    async def take_turn(self, room: str, user: str, seconds: int) -> float:
        """Record a message in a room with slow mode, and return 0; or return the seconds until the user may send."""
        return int(await self._redis.script("room_slow_take", (keys.room_slow(room),), (user, seconds))) / 1000

    # --- block lists ---

    async def block(self, user: str, other: str) -> None:
        """Put `other` on the user's block list. Raise TOO_LARGE if the list is full."""
        if not await self._redis.call("SADD", keys.user_blocked(user), other):
            return
        # Count after adding: concurrent requests that counted first could all find a free place.
        if await self._redis.call("SCARD", keys.user_blocked(user)) > MAX_BLOCKED:
            await self.unblock(user, other)
            raise RoomcastError(Code.TOO_LARGE, f"a block list holds at most {MAX_BLOCKED} users")

    async def unblock(self, user: str, other: str) -> None:
        """Remove `other` from the user's block list."""
        await self._redis.call("SREM", keys.user_blocked(user), other)

    async def block_lists(self, users: Sequence[str]) -> list[frozenset[str]]:
        """Return the block list of each user, in one round trip."""
        found = await self._redis.run_together(*(("SMEMBERS", keys.user_blocked(user)) for user in users))
        return [frozenset(other.decode() for other in members) for members in found]

    # --- reports ---

    async def report(self, report: Mapping[str, Any]) -> str:
        """Add a report, for operators and for the moderators of its room; return its id."""
        text = json.dumps(report, ensure_ascii=False, separators=(",", ":"))
        added = await self._redis.call("XADD", keys.REPORTS, "MAXLEN", "~", MAX_REPORTS, "*", _FIELD, text)
        number = str(added.decode())
        args = (number, MAX_ROOM_REPORTS, _ROOM_REPORTS_SECONDS)
        await self._redis.script("room_report", (keys.room_reports(report["room"]),), args)
        return number

    async def reports(self, after: str | None, limit: int) -> list[dict[str, Any]]:
        """Return open reports above the id `after`, oldest first."""
        first = f"({after}" if after else "-"
        rows = await self._redis.call("XRANGE", keys.REPORTS, first, "+", "COUNT", limit)
        return [{"id": number.decode(), **json.loads(fields[1])} for number, fields in rows]

    async def reports_of(self, room: str, after: str | None, most: int) -> tuple[list[dict[str, Any]], int]:
        """Return the first `most` open reports of a room above the id `after`, oldest first, and the bytes read.

        Removes from the room's index the ids of reports that were resolved, or displaced by newer reports.
        """
        listed = await self._redis.call("ZRANGE", keys.room_reports(room), 0, -1)
        numbers = sorted((number.decode() for number in listed), key=_place)
        due = [number for number in numbers if after is None or _place(number) > _place(after)]
        found: list[dict[str, Any]] = []
        size = 0
        while due and len(found) < most:
            part, due = due[: most - len(found)], due[most - len(found) :]
            rows = await self._redis.run_together(*(("XRANGE", keys.REPORTS, number, number) for number in part))
            found += [{"id": row[0][0].decode(), **json.loads(row[0][1][1])} for row in rows if row]
            size += sum(len(row[0][1][1]) for row in rows if row)
            if gone := [number for number, row in zip(part, rows, strict=True) if not row]:
                await self._redis.call("ZREM", keys.room_reports(room), *gone)
        return found, size

    async def take_report(self, user: str) -> None:
        """Count a report of the user; raise RATE_LIMITED above REPORTS_PER_DAY."""
        args = (REPORTS_PER_DAY, _DAY_SECONDS, "reports")
        wait = int(await self._redis.script("user_created", (keys.user_reported(user),), args))
        if wait:
            raise RoomcastError(Code.RATE_LIMITED, "too many reports today", retry_after=float(wait))

    async def find_report(self, number: str) -> dict[str, Any] | None:
        """Return the open report with this id, or None."""
        rows = await self._redis.call("XRANGE", keys.REPORTS, number, number)
        return {"id": rows[0][0].decode(), **json.loads(rows[0][1][1])} if rows else None

    async def resolve_report(self, number: str, room: str) -> None:
        """Close a report of a room."""
        await self._redis.call("XDEL", keys.REPORTS, number)
        await self._redis.call("ZREM", keys.room_reports(room), number)


def _place(number: str) -> tuple[int, int]:
    """Return the sort key of a report's id, which has the form `ms-number`."""
    moment, _, count = number.partition("-")
    return int(moment), int(count)
