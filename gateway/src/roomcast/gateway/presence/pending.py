"""Who waits until something is known of a session. One timer for all: a time-out of its own costs a join 10 µs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable


class PendingSessions:
    """Sessions of which something is still to be known, and who waits for it, at most `seconds` each."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiters: dict[str, list[asyncio.Future[bool]]] = {}
        self._in_order: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, sid: str) -> None:
        """It is not known yet."""
        self._waiters[sid] = []

    def settle(self, sids: Iterable[str]) -> None:
        """It is known now, or does not matter any more."""
        for sid in sids:
            for waiter in self._waiters.pop(sid, ()):
                _answer(waiter, is_known=True)

    async def known(self, sid: str) -> bool:
        """True once it is known; False when that takes too long."""
        waiters = self._waiters.get(sid)
        if waiters is None:
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        waiters.append(waiter)
        self._in_order.append((loop.time() + self._seconds, waiter))
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look)
        return await waiter

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while self._in_order and (self._in_order[0][1].done() or self._in_order[0][0] <= loop.time()):
            _answer(self._in_order.popleft()[1], is_known=False)
        self._timer = loop.call_at(self._in_order[0][0], self._look) if self._in_order else None


def _answer(waiter: asyncio.Future[bool], *, is_known: bool) -> None:
    if not waiter.done():
        waiter.set_result(is_known)
