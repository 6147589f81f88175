"""One read for all who ask the same thing at the same time: a thousand clients may rejoin one room at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from roomcast.wire.tasks import TaskSet

T = TypeVar("T")
Begin = Callable[[], Awaitable[T]]


class SingleFlight(Generic[T]):
    """Reads by key. Nobody is given the result of a read that had begun before they asked: it may be too old for them.

    So while one read is under way, all who ask meanwhile wait for its end and share the next one.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[tuple[Begin[T], asyncio.Future[T]]]] = {}
        """Who asked while a read of this key was under way; a key without an entry has none under way."""
        self._tasks = TaskSet()

    async def read(self, key: Hashable, begin: Begin[T]) -> T:
        """What `begin()`, or that of another who asked for the same `key`, returns or raises."""
        waiting = self._waiting.get(key)
        if waiting is not None:
            result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            waiting.append((begin, result))
            return await result
        self._waiting[key] = []
        try:
            return await begin()
        finally:
            self._land(key)

    @property
    def under_way(self) -> int:
        """Keys that are being read."""
        return len(self._waiting)

    def _land(self, key: Hashable) -> None:
        """A read has ended: the next one is for all who asked meanwhile and still want to know."""
        waiting = [(begin, result) for begin, result in self._waiting.pop(key) if not result.done()]
        if waiting:
            self._waiting[key] = []
            self._tasks.start(self._fly(key, waiting), "shared read")

    async def _fly(self, key: Hashable, waiting: list[tuple[Begin[T], asyncio.Future[T]]]) -> None:
        try:
            found = await waiting[0][0]()
        except Exception as error:  # it is theirs, whatever it is
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
            self._land(key)
