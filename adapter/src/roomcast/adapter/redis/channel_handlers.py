"""Channels that are no room's (a namespace, a node, a user, presence), each with the handler of its messages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

Handler = Callable[[bytes], None]


class Channels(Protocol):
    """The port to Redis for receiving: a `roomcast.adapter.redis.backplane.Backplane`."""

    def subscribe(self, channel: str) -> asyncio.Future[None]:
        """Return a future that is done once Redis has confirmed the subscription."""
        ...

    def unsubscribe(self, channel: str) -> None:
        """Receive nothing more from a channel."""
        ...

    def received_as(self, channel: str) -> bytes:
        """Return the name with which the messages of a channel come."""
        ...


class ChannelHandlers:
    """The subscriptions of one node besides its rooms."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._handlers: dict[bytes, Handler] = {}

    def subscribe(self, channel: str, handler: Handler) -> asyncio.Future[None]:
        """Receive a channel; the future is done once Redis has confirmed. A second handler replaces the first."""
        self._handlers[self._channels.received_as(channel)] = handler
        return self._channels.subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        """Receive nothing more from a channel."""
        if self._handlers.pop(self._channels.received_as(channel), None) is not None:
            self._channels.unsubscribe(channel)

    def is_subscribed(self, channel: str) -> bool:
        """Tell whether a channel has a handler."""
        return self._channels.received_as(channel) in self._handlers

    def receive(self, channel: bytes, data: bytes) -> None:
        """Hand a message to its channel's handler; one that comes after the unsubscription is dropped."""
        handler = self._handlers.get(channel)
        if handler is not None:
            handler(data)
