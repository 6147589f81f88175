"""Mute and ban users, set slow mode, and read reports."""

from __future__ import annotations

import json
from typing import Any, Final

from roomcast.contract import keys
from roomcast.contract.backend.redis_link import RedisLink, check_ids, whole_seconds
from roomcast.contract.envelope import Sanctioned
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_SANCTIONS
from roomcast.contract.page_size import fitting, report_size
from roomcast.contract.room_info import sanction_keys

_FULL: Final = -2
"""The reply of `room_sanction.lua` when the room has as many sanctions as allowed."""


class Moderation(RedisLink):
    """The methods of `Backend` that set and lift sanctions, and read the queue of reports."""

    async def mute(self, user: str, *, room: str | None = None, seconds: float | None = None) -> None:
        """Let `user` read but not write: in one room, or everywhere. `seconds` None: until `unmute`."""
        await self._sanction("mute", user, room, seconds)

    async def unmute(self, user: str, *, room: str | None = None) -> None:
        """Lift a mute. A mute everywhere and a mute in a room are lifted separately."""
        await self._lift("mute", user, room)

    async def ban(self, user: str, *, room: str | None = None, seconds: float | None = None) -> None:
        """Ban `user` from a room, or from signing in at all, and end open sessions. `seconds` None: until `unban`."""
        await self._sanction("ban", user, room, seconds)

    async def unban(self, user: str, *, room: str | None = None) -> None:
        """Lift a ban. A ban everywhere and a ban from a room are lifted separately."""
        await self._lift("ban", user, room)

    async def set_slow_mode(self, room: str, seconds: int) -> None:
        """Let each user of a room send one message per `seconds` seconds; 0 ends the slow mode."""
        check_ids(room)
        await self._script("room_slow_set", sanction_keys(room), (seconds, ""))
        await self._control(Sanctioned(room))

    async def reports(self, *, after: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Return open reports after the id `after`, oldest first: `{id, room, target, by, reason, message}`.

        A page has at most `limit` reports and about MAX_PAGE_BYTES of messages; after the last report, it is empty.
        """
        rows = await self._call("XRANGE", keys.REPORTS, f"({after}" if after else "-", "+", "COUNT", limit)
        found = [{"id": number.decode(), **json.loads(fields[b"report"])} for number, fields in _entries(rows)]
        return fitting(found, report_size)

    async def resolve_report(self, number: str) -> None:
        """Close a report. For a closed or unknown report, do nothing."""
        await self._call("XDEL", keys.REPORTS, number)

    async def _sanction(self, kind: str, user: str, room: str | None, seconds: float | None) -> None:
        check_ids(room, user)
        whole = 0 if seconds is None else whole_seconds(seconds)
        if room is not None:
            args = (f"{kind}:{user}", whole, MAX_SANCTIONS, "")
            if int(await self._script("room_sanction", sanction_keys(room), args)) == _FULL:
                raise RoomcastError(Code.TOO_LARGE, f"a room may have at most {MAX_SANCTIONS} sanctions")
        else:
            args = (kind, whole, MAX_SANCTIONS, "")
            await self._script("room_sanction", (keys.user_sanctions(user),), args)
        await self._control(Sanctioned(room or "", user))

    async def _lift(self, kind: str, user: str, room: str | None) -> None:
        check_ids(room, user)
        if room is not None:
            await self._call("HDEL", keys.room_sanctions(room), f"{kind}:{user}")
        else:
            await self._call("HDEL", keys.user_sanctions(user), kind)
        await self._control(Sanctioned(room or "", user))


def _entries(rows: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return stream entries with their fields as a dict. The driver returns the fields as a dict or a flat list."""
    pairs = ((row[0], row[1]) for row in rows)
    return [
        (number, fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True)))
        for number, fields in pairs
    ]
