"""Connect the admission queue to the Engine.IO server: tick while clients wait, and refuse clients with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from roomcast.engineio import Caller, Decide, Refusal, Withdraw
from roomcast.engineio.limits.admission import withdraw_nothing
from roomcast.engineio.limits.client_addresses import address_group
from roomcast.gateway.operations.admission import TICK_SECONDS, AdmissionQueue

STARTING: Final = Refusal(503, 4, "The gateway is starting", 1, "starting")
_LOG_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


class AdmissionControl:
    """Decides when new sessions begin; see `roomcast.engineio.Admission`.

    `closed` returns the refusal of all new sessions, or None while the gateway takes new sessions. `is_returning`
    returns whether the query of a handshake has a valid reconnect ticket.
    """

    def __init__(
        self, queue: AdmissionQueue, closed: Callable[[], Refusal | None], is_returning: Callable[[str], bool]
    ) -> None:
        self._queue = queue
        self._closed = closed
        self._is_returning = is_returning
        self._timer: asyncio.TimerHandle | None = None
        self._logged_at = float("-inf")
        self._logged_refused = 0

    def __call__(self, caller: Caller, decide: Decide) -> Withdraw:
        """Queue a new session; return the function that removes it from the queue."""
        refusal = self._closed()
        if refusal is not None:
            decide(refusal)
            return withdraw_nothing

        def answer(retry_after: int) -> bool:
            return decide(_busy(retry_after) if retry_after else None)

        is_returning = self._is_returning(caller.query_string)
        ticket = self._queue.add(address_group(caller.peer), answer, is_returning=is_returning)
        if not ticket.is_open:
            return withdraw_nothing
        if self._timer is None:
            self._schedule()
        return lambda: self._queue.withdraw(ticket)

    def stop(self) -> None:
        """Stop the timer. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK_SECONDS, self._tick, loop.time() + TICK_SECONDS)

    def _tick(self, due: float) -> None:
        now = asyncio.get_running_loop().time()
        self._queue.tick(now - due)
        self._log_refusals(now)
        self._timer = None
        if self._queue.is_waiting:
            self._schedule()

    def _log_refusals(self, now: float) -> None:
        """Log the number of new refusals, at most once in ten seconds."""
        refused = self._queue.refused - self._logged_refused
        if refused and now - self._logged_at >= _LOG_SECONDS:
            self._logged_at, self._logged_refused = now, self._queue.refused
            _log.warning("new sessions refused", reason="admission", count=refused, rate=round(self._queue.rate))


def _busy(retry_after: int) -> Refusal:
    return Refusal(503, 4, "Too many new sessions", retry_after, "admission")
