"""Compute a client's backoff: exponential, half of it random, never below Retry-After. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple


class Backoff(NamedTuple):
    """The bounds of a backoff, in seconds."""

    base: float
    most: float

    def wait(self, attempt: int, random: float, retry_after: float = 0.0) -> float:
        """Return the wait before `attempt` (0: the first); `random`: 0 to 1; `retry_after`: the least wait."""
        ceiling = min(self.most, self.base * float(2 ** min(attempt, 16)))
        return max(ceiling / 2, retry_after) + random * ceiling / 2


RECONNECT: Final = Backoff(1.0, 5.0)
"""The backoff of reconnects, as in `web/sdk/src/connection/backoff.ts`."""
RESEND: Final = Backoff(0.7, 5.0)
"""The backoff of resends, as in the same file."""
MAX_RETRY_AFTER: Final = 120.0
"""Bound on a Retry-After header, in seconds."""


def retry_after(header: str | None) -> float:
    """Parse a Retry-After header in seconds (RFC 9110, 10.2.3; the form with a number only); 0.0 for none."""
    try:
        return min(max(float(header or 0), 0.0), MAX_RETRY_AFTER)
    except ValueError:
        return 0.0
