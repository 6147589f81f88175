"""Keep the callbacks that wait for acks.

Callbacks for local clients are kept by ack id, callbacks for clients of other nodes by a number that this node assigns.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final

from roomcast.adapter.local_members import Client

Callback = Callable[..., Any]
_MAX_REMOTE: Final = 10_000


def expect_ack(client: Client, callback: Callback | None) -> int | None:
    """Keep `callback` for the ack of the next packet to `client`. Return the ack id; None without a callback."""
    if callback is None:
        return None
    client.last_ack += 1
    if client.callbacks is None:
        client.callbacks = {}
    client.callbacks[client.last_ack] = callback
    return client.last_ack


def take_ack(client: Client, ack_id: int) -> Callback | None:
    """Remove the callback that waits for this ack, and return it; None for a second ack with the same id."""
    return client.callbacks.pop(ack_id, None) if client.callbacks else None


async def run(callback: Callback | None, arguments: Iterable[Any]) -> None:
    """Call a callback, and await its result if it is awaitable."""
    if callback is not None:
        result = callback(*arguments)
        if inspect.isawaitable(result):
            await result


class RemoteCallbacks:
    """The callbacks that wait for acks of clients of other nodes. Above `limit` callbacks, the oldest is dropped."""

    def __init__(self, limit: int = _MAX_REMOTE) -> None:
        self._limit = limit
        self._waiting: dict[int, Callback] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, callback: Callback | None) -> int:
        """Keep a callback. Return the number that its ack will refer to, or 0 without a callback."""
        if callback is None:
            return 0
        self._count += 1
        self._waiting[self._count] = callback
        while len(self._waiting) > self._limit:
            self._waiting.pop(next(iter(self._waiting)))
        return self._count

    def take(self, number: int) -> Callback | None:
        """Remove the callback with this number, and return it."""
        return self._waiting.pop(number, None)
