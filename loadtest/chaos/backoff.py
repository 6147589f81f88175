"""Compute a client's backoff: exponential, half of it random, at least Retry-After. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple


class Backoff(NamedTuple):
    """The bounds of a backoff, in seconds."""

    base: float
    most: float

    def wait(self, attempt: int, random: float, retry_after: float = 0.0) -> float:
        """Return the wait in seconds before `attempt` (from 0), at least `retry_after`. `random` is from 0 to 1."""
        ceiling = min(self.most, self.base * float(2 ** min(attempt, 16)))
        return max(ceiling / 2, retry_after) + random * ceiling / 2


RECONNECT: Final = Backoff(1.0, 5.0)
"""The backoff of reconnects, as in `web/sdk/src/connection/backoff.ts`."""
RESEND: Final = Backoff(0.7, 5.0)
"""The backoff of resends, as in the same file."""
MAX_RETRY_AFTER: Final = 120.0
"""Bound on a Retry-After header, in seconds."""


def retry_after(header: str | None) -> float:
    """Return the seconds of a numeric Retry-After header (RFC 9110, 10.2.3); 0.0 for a date or no header."""
    try:
        return min(max(float(header or 0), 0.0), MAX_RETRY_AFTER)
    except ValueError:
        return 0.0
