"""Limit the events of one connection, by number and by what their answers cost."""

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
"""Large answers of one user that are made at the same time."""
BYTES_PER_EVENT: Final = 65_536
"""An answer of this size costs as much as one event more: a page of a hundred short messages costs half of that."""
ROWS_PER_EVENT: Final = 10
"""So does one for which this many things are looked up."""


class Ruling(Enum):
    """The verdict on an event of a client."""

    ALLOWED = "allowed"
    LIMITED = "limited"
    CUT = "cut"


class EventLimit:
    """Answers `LIMITED` above the rate, and `CUT` to a client that goes on regardless."""

    __slots__ = ("_patience", "_reads", "bucket")

    def __init__(self, bucket: TokenBucket, patience: TokenBucket, reads: asyncio.Semaphore | None = None) -> None:
        """Take the buckets of the user; `reads` bounds how many large answers are made at once."""
        self.bucket = bucket
        """Shared by all connections of the user, and by the fast path, which leaves refusals to `rule`."""
        self._patience = patience
        self._reads = reads or asyncio.Semaphore(READS_AT_ONCE)

    def rule(self, now: float) -> Ruling:
        """Decide about one event; it counts."""
        if self.bucket.take(now):
            return Ruling.ALLOWED
        return Ruling.LIMITED if self._patience.take(now) else Ruling.CUT

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Make an answer that may be large: a few of a user at once, and none while the user is in debt.

        Raises RoomcastError (RATE_LIMITED). Charge the answer before the context ends.
        """
        async with self._reads:
            if self.debt_seconds(time.monotonic()):
                raise RoomcastError(Code.RATE_LIMITED, "large answers", retry_after=self.retry_after())
            yield

    def charge(self, *, size: int = 0, rows: int = 0) -> None:
        """Count an answer of `size` bytes, for which `rows` things were looked up, as more events.

        The user may run into debt: what was read is answered, and later events wait.
        """
        events = size / BYTES_PER_EVENT + rows / ROWS_PER_EVENT
        self.bucket.level -= events
        self.bucket.taken += events

    def charge_answer(self, answer: object, *, rows: int) -> None:
        """Count an answer by its size as JSON, and by the things that were looked up for it."""
        self.charge(size=len(orjson.dumps(answer)), rows=rows)

    def debt_seconds(self, now: float) -> float:
        """Return how long it takes until the user is out of debt; 0 without any."""
        self.bucket.take(now, 0.0)
        return max(0.0, -self.bucket.level / self.bucket.rate)

    def retry_after(self) -> float:
        """Seconds, for the negative ack; never nothing."""
        return max(0.001, round(self.bucket.wait_seconds(), 3))
