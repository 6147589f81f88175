"""A clock that stands still until a test moves it."""

from __future__ import annotations


class Clock:
    """A clock that returns `now`, in seconds, when it is called."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
