"""Share one read among callers that ask the same at the same time: a thousand clients may rejoin one room at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from roomcast.wire.tasks import TaskSet

T = TypeVar("T")
Begin = Callable[[], Awaitable[T]]


class SingleFlight(Generic[T]):
    """Share reads by key.

    A caller never gets the result of a read that began before the call: it may be too old. Callers that come while a
    read is under way wait for its end and share the next one.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[tuple[Begin[T], asyncio.Future[T]]]] = {}
        """Callers that came while a read of this key was under way; a key without an entry has none under way."""
        self._tasks = TaskSet()

    async def read(self, key: Hashable, begin: Begin[T]) -> T:
        """Return or raise what `begin()` does, or the `begin()` of another caller of the same `key`."""
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
        """Begin the next read for the callers that came meanwhile and still wait."""
        waiting = [(begin, result) for begin, result in self._waiting.pop(key) if not result.done()]
        if waiting:
            self._waiting[key] = []
            self._tasks.start(self._read_shared(key, waiting), "shared read")

    async def _read_shared(self, key: Hashable, waiting: list[tuple[Begin[T], asyncio.Future[T]]]) -> None:
        try:
            found = await waiting[0][0]()
        except Exception as error:  # every waiting caller gets it
            for _, result in waiting:
                if not result.done():
                    result.set_exception(error)
        else:
            for _, result in waiting:
                if not result.done():
                    result.set_result(found)
        finally:
            for _, result in waiting:
                result.cancel()  # only when this task was
            self._finish(key)
