"""Share one read among concurrent callers that read the same key: a thousand clients may rejoin one room at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from roomcast.wire.tasks import TaskSet

T = TypeVar("T")
Begin = Callable[[], Awaitable[T]]


class SingleFlight(Generic[T]):
    """Shares reads by key.

    A caller never gets the result of a read that began before its call, because that may be too old. Callers that
    arrive during a read wait for its end and share the next read.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[tuple[Begin[T], asyncio.Future[T]]]] = {}
        """Key with a read in progress -> the callers that arrived during the read."""
        self._tasks = TaskSet()

    async def read(self, key: Hashable, begin: Begin[T]) -> T:
        """Return or raise the outcome of `begin()`, or of another caller's `begin()` for the same `key`."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            waiting.append((begin, result))
            return await result
        self._waiting[key] = []
        try:
            return await begin()
        finally:
            self._finish(key)

    def _finish(self, key: Hashable) -> None:
        """Begin the next read for the callers that arrived during the last one and still wait."""
        waiting = [(begin, result) for begin, result in self._waiting.pop(key) if not result.done()]
        if waiting:
            self._waiting[key] = []
            self._tasks.start(self._read_shared(key, waiting), "shared read")

    async def _read_shared(self, key: Hashable, waiting: list[tuple[Begin[T], asyncio.Future[T]]]) -> None:
        try:
            found = await waiting[0][0]()
        except Exception as error:  # all waiting callers get this error
            for _, result in waiting:
                if not result.done():
                    result.set_exception(error)
        else:
            for _, result in waiting:
                if not result.done():
                    result.set_result(found)
        finally:
            for _, result in waiting:
                result.cancel()  # has an effect only if this task was cancelled
            self._finish(key)
