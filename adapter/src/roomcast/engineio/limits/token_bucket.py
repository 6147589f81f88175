"""Limit a rate in units per second, and allow bursts (a token bucket). Pure; the clock is passed in."""

from __future__ import annotations

from roomcast.hotpath.module_loader import prefer_compiled


class TokenBucket:
    """Grants `rate` units a second in the long run, and up to `burst` at once. Times are in seconds."""

    __slots__ = ("burst", "filled_at", "level", "rate", "taken")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self.level = burst
        self.filled_at = now
        self.taken = 0.0
        """Units granted since the start."""

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount` units and return True. If fewer units are available, take none and return False."""
        level = min(self.burst, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if level < amount:
            self.level = level
            return False
        self.level = level - amount
        self.taken += amount
        return True

    def wait_seconds(self) -> float:
        """Return the seconds until the next unit is available."""
        return max(0.0, (1.0 - self.level) / self.rate)


prefer_compiled(__name__)
