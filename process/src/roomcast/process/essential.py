"""Run background tasks that a process cannot do without: it is never half dead and still ready."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from roomcast.wire.tasks import TaskSet

_log = structlog.get_logger(__name__)


class EssentialTasks:
    """Start tasks that run as long as the process; when one ends by an error, the process ends in order.

    stop: asks the process to end, as SIGTERM does. Return `not has_failed` from the process's `run`, so that its exit
    status is 1 and its supervisor starts it again.
    """

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._tasks = TaskSet()
        self.has_failed = False

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start a task; `name` stands in the log line of its failure."""
        return self._tasks.start(self._watched(coroutine, name), name)

    async def cancel(self) -> None:
        """End all tasks and wait until they have ended."""
        await self._tasks.cancel()

    async def _watched(self, coroutine: Coroutine[Any, Any, Any], name: str) -> None:
        try:
            await coroutine
        except Exception:
            _log.exception("a background task failed; the process ends", task=name)
            self.has_failed = True
            self._stop()
