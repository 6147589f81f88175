"""Read the messages of a room that a returning client has missed, from the room's log."""

from __future__ import annotations

from typing import Protocol

from roomcast.contract.events.rooms import Since
from roomcast.gateway.stores.room_log import History


class RecoveryLog(Protocol):
    """Pages of a room's log; see `roomcast.gateway.stores.room_log.LogStore`."""

    async def read_after(self, room: str, seq: int, limit: int) -> History:
        """Return the first entries above `seq`."""
        ...

    async def read_before(self, room: str, seq: int, limit: int) -> History:
        """Return the newest entries below `seq`, or the newest of all if `seq` is 0."""
        ...


async def recover(
    log: RecoveryLog, room: str, since: Since | None, limit: int, recovery_limit: int
) -> tuple[History, int | None]:
    """Return the page after `since`, with at most `recovery_limit` entries, and the `seq` of `since`.

    If the log no longer has all entries after `since`, return the newest page with `limit` entries, and None.
    """
    if since is not None and isinstance(since.seq, int) and 0 <= since.seq < 2**53:
        page = await log.read_after(room, since.seq, recovery_limit)
        if is_recoverable(page, since.seq, since.epoch):
            return page, since.seq
    return await log.read_before(room, 0, limit), None


def is_recoverable(page: History, seq: int, epoch: str) -> bool:
    """Return whether the log still has all entries after `seq`, in the same epoch."""
    return epoch == page.epoch and page.first - 1 <= seq <= page.seq


def is_more(page: History, after: int | None) -> bool:
    """Return whether the log has more than the page: newer messages after a recovery from `after`, else older ones."""
    count = len(page.entries)
    if after is not None:
        return after + count < page.seq
    return count > 0 and page.seq - count + 1 > page.first
