"""Run background tasks. Unlike a bare `create_task`, keep them from garbage collection, and log their errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final

from roomcast.wire.backoff import Backoff

AGAIN_SECONDS: Final = 1.0
"""Seconds after which `TaskSet.cancel` cancels a task again."""
FIRST_RESTART_SECONDS: Final = 0.1
LAST_RESTART_SECONDS: Final = 10.0
StartTask = Callable[[Coroutine[Any, Any, Any], str], object]
"""Runs a coroutine as a background task with a name, and logs its failure: `TaskSet.start`."""
MakeTask = Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]]
"""The same as `StartTask`, for callers that await the task."""
_log = logging.getLogger(__name__)


class ExpectedError(Exception):
    """An error whose text is sufficient: a task that ends by it is logged without a traceback."""


class TaskSet:
    """Keeps its tasks alive, logs the errors of failed tasks, and can end all tasks."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a coroutine as a task of this set."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def supervise(self, work: Callable[[], Coroutine[Any, Any, Any]], name: str) -> asyncio.Task[Any]:
        """Run `work()`, and again whenever it ends by an error, after a pause that grows from 0.1 to 10 seconds.

        Use this for loops that must always run. A loop that returns is not run again.
        """
        return self.start(self._supervised(work, name), name)

    async def _supervised(self, work: Callable[[], Coroutine[Any, Any, Any]], name: str) -> None:
        backoff, loop = Backoff(FIRST_RESTART_SECONDS, LAST_RESTART_SECONDS), asyncio.get_running_loop()
        while True:
            started = loop.time()
            try:
                await work()
                return
            except Exception as error:
                if loop.time() - started > LAST_RESTART_SECONDS:
                    backoff.reset()
                pause = backoff.pause()
                _log.error("task %s failed; it starts again in %.1f s", name, pause, exc_info=error)
                await asyncio.sleep(pause)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, ExpectedError):
            _log.warning("task %s: %s", task.get_name(), error)  # the text is sufficient without a traceback
        else:
            _log.error("task %s failed", task.get_name(), exc_info=error)

    async def wait(self, seconds: float) -> None:
        """Wait until no task is left, at most `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._tasks and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(list(self._tasks), timeout=left)

    async def cancel(self) -> None:
        """Cancel all tasks and wait until they have ended.

        A task may lose a cancellation. Before Python 3.12 this happens in `asyncio.wait_for`, which redis-py uses to
        send: it returns the result if the result and the cancellation come at the same time. So this method cancels
        such a task again.
        """
        left = set(self._tasks)
        while left:
            for task in left:
                task.cancel()
            _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
