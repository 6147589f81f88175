"""How much one connection may ask for. Pure; the clock is passed in."""

from __future__ import annotations

from enum import Enum


class Ruling(Enum):
    """What happens to an event of a client."""

    ALLOWED = "allowed"
    LIMITED = "limited"
    CUT = "cut"


class TokenBucket:
    """`rate` events a second in the long run, `burst` at once (token bucket)."""

    __slots__ = ("_burst", "_filled_at", "_level", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._filled_at = now

    def take(self, now: float) -> bool:
        level = min(self._burst, self._level + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if level < 1.0:
            self._level = level
            return False
        self._level = level - 1.0
        return True

    def wait_seconds(self) -> float:
        """How long until the next event is allowed."""
        return max(0.0, (1.0 - self._level) / self._rate)


class EventLimit:
    """Answers `LIMITED` above the rate, and `CUT` to a client that goes on regardless."""

    __slots__ = ("_bucket", "_patience")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._bucket = TokenBucket(rate, burst, now)
        self._patience = TokenBucket(rate, max(burst, rate * 2), now)

    def rule(self, now: float) -> Ruling:
        if self._bucket.take(now):
            return Ruling.ALLOWED
        return Ruling.LIMITED if self._patience.take(now) else Ruling.CUT

    def takes(self, now: float) -> bool:
        """Whether an event is allowed; when not, nothing is held against the client: ask `rule` for the answer."""
        return self._bucket.take(now)

    def retry_after(self) -> float:
        """Seconds, for the negative ack; never nothing."""
        return max(0.001, round(self._bucket.wait_seconds(), 3))
