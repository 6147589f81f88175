"""Subscribe to the channels of one Redis server, over one pub/sub connection after another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from roomcast.adapter.redis.connection import (
    CommandError,
    ConnectionLost,
    NotConnected,
    RedisConnection,
    RedisConnectionError,
)


class Subscriptions:
    """The channels that are wanted from one server, and the connection over which they are subscribed.

    `on_moved` is called when the server reports that a channel belongs to another server of the cluster.
    """

    def __init__(self, on_moved: Callable[[], None]) -> None:
        self.connection: RedisConnection | None = None
        self._on_moved = on_moved
        self._wanted: dict[str, asyncio.Future[None]] = {}
        self._moved: set[str] = set()

    def subscribe(self, channel: str) -> asyncio.Future[None]:
        """Subscribe. The returned future is done once Redis confirms; it stays pending while the connection is down."""
        wanted = self._wanted.get(channel)
        if wanted is None or (wanted.done() and wanted.exception() is not None):  # retry a channel that was refused
            wanted = self._wanted[channel] = asyncio.get_running_loop().create_future()
            if self.connection is not None:
                self._send_subscribe(self.connection, channel)
        return wanted

    def unsubscribe(self, channel: str) -> None:
        """End the subscription to a channel."""
        wanted = self._wanted.pop(channel, None)
        if wanted is None:
            return
        if not wanted.done():
            _fail(wanted, NotConnected("unsubscribed"))
        if self.connection is not None and self.connection.is_open:
            reply = self.connection.call(_verb(channel, "UNSUBSCRIBE"), channel)
            reply.add_done_callback(_forget)  # ignore MOVED: the slot has another owner, so the subscription has ended

    def subscribe_moved(self) -> list[tuple[str, asyncio.Future[None]]]:
        """Subscribe to the wanted channels that this server has dropped, or has refused with MOVED. Return them.

        Before this call, `unsubscribe` all channels whose slots have another owner: this server must own the slots of
        all remaining channels.
        """
        moved, self._moved = self._moved, set()
        again = [(channel, self._wanted[channel]) for channel in moved if channel in self._wanted]
        if self.connection is not None:
            for channel, _ in again:
                self._send_subscribe(self.connection, channel)
        return again

    def reopen(self) -> None:
        """Drop the pub/sub connection; a new one is opened at once."""
        if self.connection is not None:
            self.connection.close()

    def _send_subscribe(self, connection: RedisConnection, channel: str) -> asyncio.Future[Any] | None:
        if not connection.is_open:
            return None
        reply = connection.call(_verb(channel, "SUBSCRIBE"), channel)
        reply.add_done_callback(lambda done: self._confirmed(channel, done))
        return reply

    def _confirmed(self, channel: str, reply: asyncio.Future[Any]) -> None:
        wanted = self._wanted.get(channel)
        error = NotConnected("cancelled") if reply.cancelled() else reply.exception()
        if wanted is None or wanted.done():
            return
        if error is None:
            wanted.set_result(None)
        elif str(error).startswith("MOVED"):
            self._tell_moved(channel)
        elif isinstance(error, CommandError):
            _fail(wanted, error)

    def mark_dropped(self, channel: bytes) -> None:
        """Mark a channel as not subscribed: the server dropped it on its own, because its slot has moved."""
        if (name := channel.decode()) in self._wanted:
            self._wanted[name] = asyncio.get_running_loop().create_future()
            self._tell_moved(name)

    def _tell_moved(self, channel: str) -> None:
        """Request a new map of slots. After the map is read, the channel is subscribed at the owner of its slot."""
        self._moved.add(channel)
        self._on_moved()

    @property
    def channels(self) -> list[str]:
        """The channels that are subscribed here, or will be."""
        return list(self._wanted)

    async def open(self, connection: RedisConnection, on_refused: Callable[[CommandError], None]) -> None:
        """Subscribe all wanted channels over a new connection, and use it from now on.

        Raise NotConnected for a Redis without sharded pub/sub, and ConnectionLost for a lost connection. `on_refused`
        gets the error of a channel to which the account may not subscribe. Such a channel does not affect the others,
        and neither does a channel whose slot has moved.
        """
        self.connection = connection
        replies = [self._send_subscribe(connection, channel) for channel in list(self._wanted)]
        for reply in replies:
            if reply is None:
                raise ConnectionLost("the connection was lost while subscribing")
            try:
                await reply
            except CommandError as error:
                if "unknown command" in str(error):
                    raise NotConnected("this Redis has no sharded pub/sub (SSUBSCRIBE), which Roomcast needs") from None
                if not str(error).startswith("MOVED"):
                    on_refused(error)

    def mark_lost(self) -> None:
        """Mark all channels as not subscribed: the connection is down, and new members wait for the next connection."""
        self.connection = None
        for channel, wanted in self._wanted.items():
            if wanted.done():
                self._wanted[channel] = asyncio.get_running_loop().create_future()


def _forget(reply: asyncio.Future[Any]) -> None:
    """Retrieve the error of a reply that no caller awaits, because asyncio would log it otherwise."""
    if not reply.cancelled():
        reply.exception()


def _fail(wanted: asyncio.Future[None], error: RedisConnectionError) -> None:
    """Fail a subscription with `error`, and retrieve the error, because asyncio logs an error that no caller awaits."""
    wanted.set_exception(error)
    wanted.exception()


def _verb(channel: str, verb: str) -> str:
    """Return the command for a channel: the sharded command if its name has a hash tag. `control` has no hash tag."""
    return f"S{verb}" if "{" in channel else verb
