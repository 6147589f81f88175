"""Stop asking an endpoint that keeps failing, and try it again after pauses. Pure: clock and randomness are passed in.

closed --FAILURES in a row--> open --after a pause--> one trial --success--> closed
                               ^------------------------failure, a longer pause
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from roomcast.wire.backoff import Backoff

FAILURES: Final = 5
"""Failures in a row that open the circuit."""
FIRST_PAUSE_SECONDS: Final = 1.0
LAST_PAUSE_SECONDS: Final = 30.0


class Circuit:
    """The circuit of one endpoint.

    Call `may_ask` before each request, and `succeeded`, `failed` or `was_not_asked` after it.

    `clock` returns seconds; `random` returns 0 to 1.
    """

    def __init__(self, clock: Callable[[], float], random: Callable[[], float]) -> None:
        self._clock = clock
        self._backoff = Backoff(FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS, random)
        self._failures = 0
        self._retry_at: float | None = None
        self._is_trying = False

    @property
    def is_open(self) -> bool:
        """Return whether the circuit is open: the endpoint counts as broken."""
        return self._retry_at is not None

    def may_ask(self) -> bool:
        """Return whether to send a request now; an open circuit allows one request after each pause."""
        if self._retry_at is None:
            return True
        if self._is_trying or self._clock() < self._retry_at:
            return False
        self._is_trying = True
        return True

    def succeeded(self) -> None:
        """Close the circuit, after an answer of the endpoint."""
        self._failures, self._retry_at, self._is_trying = 0, None, False
        self._backoff.reset()

    def was_not_asked(self) -> None:
        """Let another request be the trial, because this one was not sent."""
        self._is_trying = False

    def failed(self) -> None:
        """Count a failure. Requests that began before the circuit opened do not lengthen its pause."""
        if self.is_open and not self._is_trying:
            return
        self._failures += 1
        if self._failures < FAILURES:
            return
        self._retry_at = self._clock() + self._backoff.pause()
        self._is_trying = False
