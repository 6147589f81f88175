"""Limit the events of one connection, by their number and by the cost of their answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Final

import orjson

from roomcast.contract.errors import Code, RoomcastError
from roomcast.engineio.limits.token_bucket import TokenBucket

READS_AT_ONCE: Final = 4
"""Most large answers that are made concurrently for one user."""
BYTES_PER_EVENT: Final = 65_536
"""Bytes of an answer that count as one more event. A page of a hundred short messages counts as half an event."""
ROWS_PER_EVENT: Final = 10
"""Rows (users, rooms or other items) looked up for an answer that count as one more event."""
PAGE_ROWS: Final = 50
"""Least rows that a page counts as, if Redis reads a whole list of up to a thousand names for each page."""


class Ruling(Enum):
    """The decision about an event of a client."""

    ALLOWED = "allowed"
    LIMITED = "limited"
    CUT = "cut"


class EventLimit:
    """Limits the events of a connection: `LIMITED` above the rate, `CUT` to disconnect a client that goes on."""

    __slots__ = ("_patience", "_reads", "bucket")

    def __init__(self, bucket: TokenBucket, patience: TokenBucket, reads: asyncio.Semaphore | None = None) -> None:
        """`bucket` counts the user's events, `patience` the refused events; `reads` bounds concurrent large answers."""
        self.bucket = bucket
        """The user's token bucket. The fast path also takes tokens from it, but leaves refusals to `rule`."""
        self._patience = patience
        self._reads = reads or asyncio.Semaphore(READS_AT_ONCE)

    def rule(self, now: float) -> Ruling:
        """Count one event, and decide about it."""
        if self.bucket.take(now):
            return Ruling.ALLOWED
        return Ruling.LIMITED if self._patience.take(now) else Ruling.CUT

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Return a context in which to make an answer that may be large: at most READS_AT_ONCE at a time per user.

        Raises RoomcastError (RATE_LIMITED) while the user is in debt. Charge the answer before the context ends.
        """
        async with self._reads:
            if self.debt_seconds(time.monotonic()):
                raise RoomcastError(Code.RATE_LIMITED, "too many large answers", retry_after=self.retry_after())
            yield

    def charge(self, *, size: int = 0, rows: int = 0) -> None:
        """Count an answer of `size` bytes, for which `rows` were looked up, as more events.

        The user may run into debt: this answer is still sent, and later events are refused or wait.
        """
        events = size / BYTES_PER_EVENT + rows / ROWS_PER_EVENT
        owe(self.bucket, events)

    def charge_page(self, *, rows: int, size: int = 0) -> None:
        """Count a page as `charge` does. Use this where the whole list is read for a page, however short the page."""
        self.charge(size=size, rows=max(rows, PAGE_ROWS))

    def charge_answer(self, answer: object, *, rows: int) -> None:
        """Count an answer by its size as JSON, and by the rows that were looked up for it."""
        self.charge(size=len(orjson.dumps(answer)), rows=rows)

    def debt_seconds(self, now: float) -> float:
        """Return the seconds until the user is out of debt; 0 without debt."""
        self.bucket.take(now, 0.0)
        return max(0.0, -self.bucket.level / self.bucket.rate)

    def retry_after(self) -> float:
        """Return the seconds to wait for the negative ack; at least 0.001."""
        return retry_after(self.bucket)


def owe(bucket: TokenBucket, events: float) -> None:
    """Count events without refusing them; the bucket may run into debt."""
    bucket.level -= events
    bucket.taken += events


def retry_after(bucket: TokenBucket) -> float:
    """Return the seconds until the bucket allows an event, for a negative ack; at least 0.001."""
    return max(0.001, round(bucket.wait_seconds(), 3))
