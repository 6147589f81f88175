"""Handlers for the messages of channels that do not belong to a room (a namespace, a node, a user, presence)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple, Protocol

from roomcast.wire.seals import ForgedError

Handler = Callable[[bytes], None]
Unsealed = Callable[[bytes], bool]
"""Tells whether to accept a message that has no seal of the cluster key."""


def refuse_unsealed(data: bytes) -> bool:
    """Accept sealed messages only."""
    return False


def take_unsealed(data: bytes) -> bool:
    """Accept any message. Only the permissions of the Redis accounts limit who can publish on the channel."""
    return True


class Channels(Protocol):
    """The part of `roomcast.adapter.redis.backplane.Backplane` that receives messages."""

    def subscribe(self, channel: str) -> asyncio.Future[None]:
        """Subscribe to a channel. The future is done once Redis has confirmed the subscription."""
        ...

    def unsubscribe(self, channel: str) -> None:
        """End the subscription of a channel."""
        ...

    def received_as(self, channel: str) -> bytes:
        """Return the name under which the messages of a channel arrive."""
        ...


class _Subscription(NamedTuple):
    handler: Handler
    unsealed: Unsealed


class ChannelHandlers:
    """The handlers of one node, by channel."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._handlers: dict[bytes, _Subscription] = {}

    def subscribe(self, channel: str, handler: Handler, unsealed: Unsealed = refuse_unsealed) -> asyncio.Future[None]:
        """Subscribe to a channel. The future is done once Redis has confirmed. A second handler replaces the first.

        `unsealed` chooses the unsealed messages that are accepted, if the cluster has a key.
        """
        self._handlers[self._channels.received_as(channel)] = _Subscription(handler, unsealed)
        return self._channels.subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        """End the subscription of a channel."""
        if self._handlers.pop(self._channels.received_as(channel), None) is not None:
            self._channels.unsubscribe(channel)

    def is_subscribed(self, channel: str) -> bool:
        """Tell whether a channel has a handler."""
        return self._channels.received_as(channel) in self._handlers

    def receive(self, channel: bytes, data: bytes, is_trusted: bool) -> None:
        """Pass a message to the handler of its channel; drop it if the channel was unsubscribed.

        Raise ForgedError for an untrusted message that the channel does not accept unsealed.
        """
        found = self._handlers.get(channel)
        if found is None:
            return
        if not is_trusted and not found.unsealed(data):
            raise ForgedError("no seal")
        found.handler(data)
