"""Bound the bytes that a user writes into room logs in a day, over all connections and gateways.

A gateway counts for itself, and tells Redis when a user has written REPORT_BYTES since the last time. Redis answers
whether the day's allowance is spent. So a message costs one addition, and a user passes the allowance by what one
second and REPORT_BYTES on each gateway allow. A gateway remembers who has spent the day: coming back does not help.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.operations.byte_allowance import ByteAllowance
from roomcast.gateway.operations.ticks import Ticks

DAILY_BYTES: Final = 100_000_000
REPORT_BYTES: Final = 262_144
ENTRY_BYTES: Final = 256
"""The cost of a message beside its own bytes: its place in the log, its number, the memory of its id."""
ROOM_BYTES: Final = 2_048
"""The cost of the first message of a room: the room's keys."""
INVITATION_BYTES: Final = 512
"""The cost of an invitation: the membership, and a line on the other user's list."""
RECHECK_SECONDS: Final = 5.0
"""A back end may have raised the allowance of a user who has spent the day."""
_MAX_REMEMBERED: Final = 20_000
"""Users without a connection here who have spent the day."""
_SLICE: Final = 500

_log = logging.getLogger(__name__)


class BytesPort(Protocol):
    """See `roomcast.gateway.stores.user_bytes.UserBytes`."""

    async def report(self, written: Mapping[str, int]) -> dict[str, int]:
        """Add bytes to the day of each user; return 0, or the seconds until the user's next day."""
        ...


def charge(allowance: ByteAllowance, count: int, now: float) -> None:
    """Count bytes that are about to be written. Raise RATE_LIMITED, and count nothing, when the day is spent."""
    if allowance.is_spent:
        wait = max(1.0, allowance.until - now)
        raise RoomcastError(Code.RATE_LIMITED, "too many bytes written today", retry_after=round(wait, 3))
    allowance.unreported += count


class DailyBytes:
    """The allowances of all users with connections here. `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._users: dict[str, ByteAllowance] = {}

    def add_connection(self, user: str) -> ByteAllowance:
        """Return the allowance of a user who has one connection more."""
        allowance = self._users.setdefault(user, ByteAllowance())
        allowance.connections += 1
        return allowance

    def remove_connection(self, user: str) -> None:
        """Note that a connection has ended. The allowance stays until all of it is reported, or the day is over."""
        if (allowance := self._users.get(user)) is not None:
            allowance.connections -= 1

    async def run(self, port: BytesPort, ticks: Ticks) -> None:
        """Compare with Redis once a second until cancelled."""
        while True:
            await ticks.wait()
            await self.report(port, await self.take_due())

    async def take_due(self) -> dict[str, int]:
        """Return what is to be reported, by user; forget users about whom nothing is left to know."""
        now, due, remembered = self._clock(), dict[str, int](), 0
        for number, (user, allowance) in enumerate(list(self._users.items()), start=1):
            if allowance.connections > 0:
                is_late = allowance.is_spent and now - allowance.asked_at >= RECHECK_SECONDS
                if allowance.unreported >= REPORT_BYTES or is_late:
                    due[user] = allowance.unreported
            elif allowance.unreported:
                due[user] = allowance.unreported
            elif not allowance.is_spent or now >= allowance.until or remembered >= _MAX_REMEMBERED:
                self._users.pop(user, None)
            else:
                remembered += 1
            if number % _SLICE == 0:
                await asyncio.sleep(0)
        return due

    def all_unreported(self) -> dict[str, int]:
        """Return what no report has told yet: for the end of the gateway."""
        return {user: allowance.unreported for user, allowance in self._users.items() if allowance.unreported}

    async def report(self, port: BytesPort, due: Mapping[str, int]) -> None:
        """Report bytes to Redis, and take its word on who has spent the day. Without Redis they are reported later."""
        if not due:
            return
        try:
            waits = await port.report(due)
        except RoomcastError as error:
            _log.info("bytes of users are not counted at the moment: %s", error)
            return
        now = self._clock()
        for user, wait in waits.items():
            if (allowance := self._users.get(user)) is None:
                continue
            allowance.unreported -= due[user]
            allowance.is_spent, allowance.until, allowance.asked_at = wait > 0, now + wait, now
