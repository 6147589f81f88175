"""Count what the inbox of a gateway does, in plain numbers; the metrics read them at a scrape."""

from __future__ import annotations

from collections.abc import Callable


class InboxFigures:
    """`live`: clients with a live inbox now. `waiting`: users and clients that a lost subscription still concerns.

    The others are totals since the start: `events`, `lines` in them, `resets` (clients told to ask again), and
    `catch_up_seconds`, how long the last catching up after a lost subscription took. `clock` is in seconds.
    """

    __slots__ = ("_began", "_clock", "catch_up_seconds", "events", "lines", "live", "resets", "waiting")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: float | None = None
        self.live = self.waiting = self.events = self.lines = self.resets = 0
        self.catch_up_seconds = 0.0

    def told(self, lines: int) -> None:
        """Count one event with so many lines."""
        self.events += 1
        self.lines += lines

    def reset(self, clients: int) -> None:
        """Count clients that were told to ask for the list again."""
        self.resets += clients

    def began(self) -> None:
        """Note that a subscription was lost."""
        if self._began is None:
            self._began = self._clock()

    def ended(self) -> None:
        """Note that nothing is left to do about it."""
        if self._began is not None:
            self.catch_up_seconds, self._began = self._clock() - self._began, None
