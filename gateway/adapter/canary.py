"""A gateway's proof to itself that its subscription hears. Pure; the clock is passed in."""

from __future__ import annotations

from typing import Final

from contract.envelope import Canary

DEAF_SECONDS: Final = 3.5


class CanaryWatch:
    """Counts the canaries sent and heard by this incarnation."""

    def __init__(self, incarnation: str, deaf_seconds: float = DEAF_SECONDS) -> None:
        self._incarnation = incarnation
        self._deaf_seconds = deaf_seconds
        self._count = 0
        self._unheard_since: float | None = None

    def sing(self, now: float) -> Canary:
        """The next canary to publish; `now` in seconds of a monotonic clock."""
        self._count += 1
        if self._unheard_since is None:
            self._unheard_since = now
        return Canary(self._incarnation, self._count)

    def heard(self, canary: Canary, now: float) -> None:
        if canary.incarnation == self._incarnation:
            self._unheard_since = None if canary.count == self._count else now

    def is_deaf(self, now: float) -> bool:
        """Whether no canary was heard for too long."""
        return self._unheard_since is not None and now - self._unheard_since > self._deaf_seconds

    def forgive(self, now: float) -> None:
        """The link was reopened: give it the time again."""
        self._unheard_since = now
