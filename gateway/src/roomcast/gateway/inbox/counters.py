"""Count what the inbox service of a gateway does; the metrics read the counts at a scrape."""

from __future__ import annotations

from collections.abc import Callable


class InboxFigures:
    """The figures of the inboxes of one gateway. `clock` returns seconds.

    `live`: clients with a live inbox now. `waiting`: users and clients for whom catching up is not finished.
    `catch_up_seconds`: duration of the last catching up. Totals since the start: `events`, `lines` in these events,
    and `resets` (clients that were told to request the list again).
    """

    __slots__ = ("_began", "_clock", "catch_up_seconds", "events", "lines", "live", "resets", "waiting")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began: float | None = None
        self.live = self.waiting = self.events = self.lines = self.resets = 0
        self.catch_up_seconds = 0.0

    def told(self, lines: int, clients: int) -> None:
        """Count one event with this number of lines for each of the clients."""
        self.events += clients
        self.lines += lines * clients

    def reset(self, clients: int) -> None:
        """Count clients that were told to request the list again."""
        self.resets += clients

    def began(self) -> None:
        """Record the start of catching up."""
        if self._began is None:
            self._began = self._clock()

    def ended(self) -> None:
        """Record the end of catching up, if it was running."""
        if self._began is not None:
            self.catch_up_seconds, self._began = self._clock() - self._began, None
