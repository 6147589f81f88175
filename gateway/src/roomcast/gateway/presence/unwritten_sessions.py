"""Let callers wait until a session is in Redis. All callers share one timer: a timeout per join would cost 10 µs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable


class UnwrittenSessions:
    """Sessions that are not yet in Redis, and the callers that wait for them, at most `seconds` each."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiters: dict[str, list[asyncio.Future[bool]]] = {}
        self._in_order: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add_session(self, sid: str) -> None:
        """Add a session that is not yet written."""
        self._waiters[sid] = []

    def mark_written(self, sids: Iterable[str]) -> None:
        """Resume the waiters of these sessions, which are written or have ended."""
        for sid in sids:
            for waiter in self._waiters.pop(sid, ()):
                _resolve(waiter, is_written=True)

    async def wait_written(self, sid: str) -> bool:
        """Wait until the session is written; return False after the time limit."""
        waiters = self._waiters.get(sid)
        if waiters is None:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        waiters.append(waiter)
        self._in_order.append((loop.time() + self._seconds, waiter))
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._expire)
        return await waiter

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        while self._in_order and (self._in_order[0][1].done() or self._in_order[0][0] <= loop.time()):
            _resolve(self._in_order.popleft()[1], is_written=False)
        self._timer = loop.call_at(self._in_order[0][0], self._expire) if self._in_order else None


def _resolve(waiter: asyncio.Future[bool], *, is_written: bool) -> None:
    if not waiter.done():
        waiter.set_result(is_written)
