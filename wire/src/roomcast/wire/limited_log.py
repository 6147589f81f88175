"""Limit the log lines about events that other processes cause: one line per kind and interval."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

EVERY_SECONDS: Final = 10.0
"""Default interval between two lines of a kind."""


class LimitedLog:
    """Logs at most one line per kind in `every_seconds`. A line says how many events were left out before.

    `kind` must be a constant of the code, never input, because a counter is kept per kind. `clock` is monotonic, in
    seconds.
    """

    def __init__(
        self,
        logger: logging.Logger,
        every_seconds: float = EVERY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logger = logger
        self._every = every_seconds
        self._clock = clock
        self._kinds: dict[str, tuple[float, int]] = {}

    def warning(self, kind: str, text: str, *args: Any) -> None:
        """Log `text % args` as a warning, unless a line of this kind was logged within the last `every_seconds`."""
        self._write(logging.WARNING, kind, text, args, None)

    def error(self, kind: str, text: str, *args: Any, error: BaseException | None = None) -> None:
        """Log as an error, with the traceback of `error`."""
        self._write(logging.ERROR, kind, text, args, error)

    def forget(self, kind: str) -> None:
        """Log the next event of this kind at once. Call this when the fault is over."""
        self._kinds.pop(kind, None)

    def _write(self, level: int, kind: str, text: str, args: tuple[Any, ...], error: BaseException | None) -> None:
        now = self._clock()
        last, left_out = self._kinds.get(kind, (float("-inf"), 0))
        if now - last < self._every:
            self._kinds[kind] = last, left_out + 1
            return
        self._kinds[kind] = now, 0
        if left_out:
            text, args = f"{text} (and %d more in %d s)", (*args, left_out, now - last)
        self._logger.log(level, text, *args, exc_info=error)
