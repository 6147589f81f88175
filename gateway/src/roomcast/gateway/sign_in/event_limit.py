"""Limit the events of one connection. Pure; the clock is passed in."""

from __future__ import annotations

from enum import Enum

from roomcast.engineio.limits.token_bucket import TokenBucket


class Ruling(Enum):
    """The verdict on an event of a client."""

    ALLOWED = "allowed"
    LIMITED = "limited"
    CUT = "cut"


class EventLimit:
    """Answers `LIMITED` above the rate, and `CUT` to a client that goes on regardless."""

    __slots__ = ("_patience", "bucket")

    def __init__(self, bucket: TokenBucket, patience: TokenBucket) -> None:
        self.bucket = bucket
        """Shared by all connections of the user, and by the fast path, which leaves refusals to `rule`."""
        self._patience = patience

    def rule(self, now: float) -> Ruling:
        """Decide about one event; it counts."""
        if self.bucket.take(now):
            return Ruling.ALLOWED
        return Ruling.LIMITED if self._patience.take(now) else Ruling.CUT

    def retry_after(self) -> float:
        """Seconds, for the negative ack; never nothing."""
        return max(0.001, round(self.bucket.wait_seconds(), 3))
