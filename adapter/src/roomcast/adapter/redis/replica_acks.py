"""Delay the replies to writes until enough replicas have them. One WAIT covers many writes of its connection.

WAIT is not allowed in scripts, covers only the writes of its own connection, and blocks that connection until it
answers. So one WAIT runs at a time, and the writes that come meanwhile share the next WAIT. If too few replicas answer
in time, the outcome is unknown: the master has the write, but a failover may lose it. Callers then get ConnectionLost,
and send the message again, with the same id.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from roomcast.adapter.redis.command_pipeline import OnReply
from roomcast.adapter.redis.connection import ConnectionLost, RedisConnection


class ReplicaGate:
    """Delays the replies to the writes of one connection. `timeout_ms` must be well below the connection's timeout."""

    def __init__(self, connection: RedisConnection, replicas: int, timeout_ms: int) -> None:
        self._connection = connection
        self._replicas = replicas
        self._timeout_ms = timeout_ms
        self._loop = asyncio.get_running_loop()
        self._is_waiting = False
        self._batch: list[tuple[asyncio.Future[Any], asyncio.Future[Any]]] = []

    def call(self, *args: bytes | str | int | float) -> asyncio.Future[Any]:
        """Send as `RedisConnection.call` does; the reply comes when enough replicas have the write.

        Without a connection, this call raises NotConnected.
        """
        return self._keep(self._connection.call(*args))

    def send(self, command: bytes, on_reply: OnReply) -> None:
        """Send as `RedisConnection.send` does; the reply comes when enough replicas have the write."""
        reply = self._loop.create_future()
        self._connection.send(command, reply)
        self._keep(reply).add_done_callback(lambda kept: on_reply(kept.exception() or kept.result()))

    def _keep(self, reply: asyncio.Future[Any]) -> asyncio.Future[Any]:
        kept: asyncio.Future[Any] = self._loop.create_future()
        if not self._batch and not self._is_waiting:
            self._loop.call_soon(self._wait)
        self._batch.append((reply, kept))
        return kept

    def _wait(self) -> None:
        batch, self._batch = self._batch, []
        self._is_waiting = bool(batch)
        if not batch:
            return
        if not self._connection.is_open:
            _fail(batch, ConnectionLost("the connection broke before WAIT"))
            return
        answer = self._connection.call("WAIT", self._replicas, self._timeout_ms)
        answer.add_done_callback(partial(self._release, batch))

    def _release(
        self, batch: list[tuple[asyncio.Future[Any], asyncio.Future[Any]]], answer: asyncio.Future[Any]
    ) -> None:
        self._wait()
        error = ConnectionLost("cancelled") if answer.cancelled() else answer.exception()
        if error is None and answer.result() < self._replicas:
            error = ConnectionLost(f"{answer.result()} of {self._replicas} replicas have the write")
        if error is not None:
            _fail(batch, ConnectionLost(str(error)))
            return
        for reply, kept in batch:
            if kept.done():
                continue
            if (refused := reply.exception()) is not None:
                kept.set_exception(refused)
            else:
                kept.set_result(reply.result())


def _fail(batch: list[tuple[asyncio.Future[Any], asyncio.Future[Any]]], error: ConnectionLost) -> None:
    """Fail all writes. A write that Redis refused fails with the error from Redis, any other write with `error`."""
    for reply, kept in batch:
        refused = reply.exception() if reply.done() and not reply.cancelled() else None
        if not kept.done():
            kept.set_exception(refused or error)
            kept.exception()  # mark the error as retrieved: asyncio would log it if no caller awaits the future
