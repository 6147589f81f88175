"""Bound the bytes that a user writes into room logs in a day, over all connections and gateways.

Each gateway counts the bytes that it receives, and reports them to Redis when a user has written REPORT_BYTES since the
last report. Redis replies whether the daily allowance is spent. So counting a message takes only one addition. But on
each gateway a user can exceed the allowance by REPORT_BYTES and the bytes of one second. A gateway remembers users who
have spent the allowance, so that reconnecting does not reset it.
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
"""Bytes charged for a message in addition to its own bytes: for its log entry, its `seq`, and its remembered id."""
ROOM_BYTES: Final = 2_048
"""Bytes charged for the first message of a room: for the room's keys."""
INVITATION_BYTES: Final = 512
"""Bytes charged for an invitation: for the membership, and a line on the other user's list."""
RECHECK_SECONDS: Final = 5.0
"""Seconds between two look-ups of a spent allowance, which a back end may have raised."""
_MAX_REMEMBERED: Final = 20_000
"""Bound on the remembered users who have spent their allowance and have no connection here."""
_SLICE: Final = 500

_log = logging.getLogger(__name__)


class BytesPort(Protocol):
    """See `roomcast.gateway.stores.user_bytes.UserBytes`."""

    async def report(self, written: Mapping[str, int]) -> dict[str, int]:
        """Add bytes to each user's day. Return, by user, 0 or the seconds until a spent allowance is renewed."""
        ...


def charge(allowance: ByteAllowance, count: int, now: float) -> None:
    """Count bytes that are about to be written; raise RATE_LIMITED instead when the daily allowance is spent."""
    if allowance.is_spent:
        wait = max(1.0, allowance.until - now)
        raise RoomcastError(Code.RATE_LIMITED, "too many bytes written today", retry_after=round(wait, 3))
    allowance.unreported += count


class DailyBytes:
    """The allowances of users with connections here, or with unreported bytes or a spent allowance.

    `clock` is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._users: dict[str, ByteAllowance] = {}

    def add_connection(self, user: str) -> ByteAllowance:
        """Count a new connection of a user, and return the user's allowance."""
        allowance = self._users.setdefault(user, ByteAllowance())
        allowance.connections += 1
        return allowance

    def remove_connection(self, user: str) -> None:
        """Count the end of a connection. `take_due` forgets the allowance once it is no longer needed."""
        if (allowance := self._users.get(user)) is not None:
            allowance.connections -= 1

    async def run(self, port: BytesPort, ticks: Ticks) -> None:
        """Report to Redis once a second until cancelled."""
        while True:
            await ticks.wait()
            await self.report(port, await self.take_due())

    async def take_due(self) -> dict[str, int]:
        """Return the bytes to report, by user.

        Forget users who have no connection and no unreported bytes. But remember users whose allowance is still spent,
        at most _MAX_REMEMBERED.
        """
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
        """Return all bytes that are not reported yet, by user, for the end of the gateway."""
        return {user: allowance.unreported for user, allowance in self._users.items() if allowance.unreported}

    async def report(self, port: BytesPort, due: Mapping[str, int]) -> None:
        """Report bytes to Redis, and record which allowances are spent. If Redis fails, a later call reports them."""
        if not due:
            return
        try:
            waits = await port.report(due)
        except RoomcastError as error:
            _log.info("users' bytes could not be reported to Redis; they are reported later: %s", error)
            return
        now = self._clock()
        for user, wait in waits.items():
            if (allowance := self._users.get(user)) is None:
                continue
            allowance.unreported -= due[user]
            allowance.is_spent, allowance.until, allowance.asked_at = wait > 0, now + wait, now
