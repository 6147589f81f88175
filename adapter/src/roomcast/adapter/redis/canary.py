"""Test whether the subscriptions of a node work: publish one canary a second for every pub/sub connection.

A connection can be open and yet deaf (a subscription was lost, a proxy drops pushes): commands work, but no message
arrives. `CanaryWatch` keeps the state, without I/O. `CanaryProbe` publishes, receives, and reopens a deaf connection.

A canary also shows that two processes have the same node name. Each of them would get the node messages of the other,
for example acks, without an error. Therefore the younger process refuses clients.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, Protocol

from roomcast.adapter.node_messages import Canary, NodeMessage
from roomcast.adapter.redis.connection import CommandError, RedisConnectionError
from roomcast.adapter.ticker import Ticker
from roomcast.wire.envelope import Reader, pack
from roomcast.wire.limited_log import LimitedLog

DEAF_SECONDS: Final = 3.0
"""Seconds without a canary after which a connection counts as deaf."""
REPEAT_SECONDS: Final = 60.0
"""Seconds before the log repeats a warning."""
CLAIM_SECONDS: Final = 0.1
"""Seconds that `claim` waits for a canary of an older process, after the first own canary has come back."""
_log = logging.getLogger(__name__)


class CanaryWatch:
    """The canaries that this process sends and receives over one connection. Times are monotonic, in seconds."""

    def __init__(self, incarnation: str, deaf_seconds: float = DEAF_SECONDS) -> None:
        self._incarnation = incarnation
        self._deaf_seconds = deaf_seconds
        self._count = 0
        self._last_received = 0
        self._silent_since: float | None = None
        self._took = 0.0
        self._reopened_at = float("-inf")

    def next_canary(self, now: float, started_at: float = 0.0) -> Canary:
        """Return the next canary to publish."""
        self._count += 1
        if self._silent_since is None:
            self._silent_since = now
        return Canary(self._incarnation, self._count, started_at)

    def confirm(self) -> None:
        """Count all earlier canaries as received: Redis may have published them before the subscription."""
        self._last_received = self._count

    def receive(self, canary: Canary, now: float) -> bool:
        """Record a received canary. Return True if earlier canaries were missed: other packets may be missing, too."""
        if canary.incarnation != self._incarnation:
            return False
        missed = canary.count > self._last_received + 1
        self._last_received = canary.count
        self._took = 0.0 if self._silent_since is None else now - self._silent_since
        self._silent_since = None if canary.count == self._count else now
        return missed

    def take_late_seconds(self) -> float:
        """Return the delay of the last canary that arrived since the last call of this method; 0 if no canary arrived.

        A missing canary does not count as late. It shows a lost or deaf connection, but not that Redis is busy.
        """
        took, self._took = self._took, 0.0
        return took

    def excuse(self) -> None:
        """Restart the measurement. No canary could be published, so a missing canary does not show deafness."""
        self._silent_since = None

    def deaf_seconds(self, now: float) -> float:
        """Return the seconds for which the connection has been deaf; 0 while it receives."""
        if self._silent_since is None:
            return 0.0
        return max(0.0, now - self._silent_since - self._deaf_seconds)

    def is_due_for_reopening(self, now: float) -> bool:
        """Return True if the connection is deaf, and was not reopened within the last `deaf_seconds`."""
        if self.deaf_seconds(now) <= 0 or now - self._reopened_at <= self._deaf_seconds:
            return False
        self._reopened_at = now
        return True


class Backplane(Protocol):
    """The part of `roomcast.adapter.redis.backplane.Backplane` through which the probe publishes canaries."""

    def canary_channels(self, node: str) -> list[str]:
        """Return one channel of the node for each pub/sub connection."""
        ...

    def publish(self, channel: str, data: bytes) -> Awaitable[Any]:
        """Publish a canary."""
        ...

    def reopen_subscriptions(self, channel: str) -> None:
        """Drop the pub/sub connection of this channel, and open another."""
        ...

    def report_missed(self, channel: str) -> None:
        """Treat the connection of this channel like a lost one: it has missed messages."""
        ...


class ChannelSubscriber(Protocol):
    """The part of the adapter through which the probe receives canaries."""

    def subscribe(self, channel: str, handler: Callable[[bytes], None]) -> asyncio.Future[None]:
        """Subscribe to a channel; the future is done once Redis confirms."""
        ...

    def unsubscribe(self, channel: str) -> None:
        """End the subscription to a channel."""
        ...


class CanaryProbe:
    """Sends and receives the canaries of all pub/sub connections of one node.

    `on_deaf` is called when a deaf connection is reopened, `on_duplicate` when an older process has the same node name.
    `started_at`: when this process started, in unix seconds.
    """

    def __init__(
        self,
        backplane: Backplane,
        node: str,
        incarnation: str,
        subscriber: ChannelSubscriber,
        ticker: Ticker,
        *,
        on_deaf: Callable[[], None],
        on_duplicate: Callable[[], None],
        started_at: float,
    ) -> None:
        self._backplane = backplane
        self._node = node
        self._incarnation = incarnation
        self._subscriber = subscriber
        self._ticker = ticker
        self._on_deaf = on_deaf
        self._on_duplicate = on_duplicate
        self._started_at = started_at
        self.is_refused = False
        """True while Redis refuses canaries: no permission, an unknown command, or Redis is still loading its data."""
        self._reader = Reader(NodeMessage)
        self._limited = LimitedLog(_log, REPEAT_SECONDS)
        self._watches: dict[str, CanaryWatch] = {}
        self._wake = asyncio.Event()
        self._confirmed = asyncio.Event()

    def deaf_seconds(self, now: float) -> float:
        """Return the longest time, in seconds, for which a connection has been deaf; 0 if none is deaf."""
        return max((watch.deaf_seconds(now) for watch in self._watches.values()), default=0.0)

    def take_late_seconds(self) -> float:
        """Return the longest delay of a canary through Redis and this node's queues since the last call."""
        return max((watch.take_late_seconds() for watch in self._watches.values()), default=0.0)

    async def run(self) -> None:
        """Publish a canary on every connection, every second, until cancelled."""
        while True:
            await self.publish_all()
            await self._pause()

    async def publish_all(self) -> None:
        """Publish a canary on every connection."""
        self._follow(self._backplane.canary_channels(self._node))
        for channel, watch in list(self._watches.items()):
            await self._publish(channel, watch)

    async def claim(self) -> None:
        """Publish a canary, and wait until it comes back. Then wait CLAIM_SECONDS for a canary of an older process."""
        await self.publish_all()
        await self._confirmed.wait()
        await asyncio.sleep(CLAIM_SECONDS)

    async def _pause(self) -> None:
        """Wait for the next tick. Return early if a younger process of the same name must get a canary."""
        self._wake.clear()
        try:
            async with asyncio.timeout_at(self._ticker.due()):
                await self._wake.wait()
        except TimeoutError:
            return

    def _follow(self, channels: list[str]) -> None:
        """Subscribe new channels and unsubscribe old ones, because the masters of a cluster change."""
        for channel in self._watches.keys() - set(channels):
            del self._watches[channel]
            self._subscriber.unsubscribe(channel)
        for channel in set(channels) - self._watches.keys():
            self._watches[channel] = watch = CanaryWatch(self._incarnation)
            confirmed = self._subscriber.subscribe(channel, partial(self._receive, channel, watch))
            confirmed.add_done_callback(partial(_confirm, watch))

    async def _publish(self, channel: str, watch: CanaryWatch) -> None:
        now = asyncio.get_running_loop().time()
        try:
            await self._backplane.publish(channel, pack(watch.next_canary(now, self._started_at)))
        except RedisConnectionError as error:
            watch.excuse()  # a command failed, so the connection does not count as deaf
            self.is_refused = isinstance(error, CommandError)
            if self.is_refused:
                self._limited.warning("refused", "Redis refuses to publish: %s", error)
            return
        self.is_refused = False
        if watch.is_due_for_reopening(now):
            self._on_deaf()
            self._backplane.reopen_subscriptions(channel)

    def _receive(self, channel: str, watch: CanaryWatch, data: bytes) -> None:
        message = self._reader.unpack(data)
        if not isinstance(message, Canary):
            return
        if message.incarnation != self._incarnation:
            self._meet(message)
            return
        self._confirmed.set()
        if watch.receive(message, asyncio.get_running_loop().time()):
            self._backplane.report_missed(channel)

    def _meet(self, other: Canary) -> None:
        """Refuse clients if the other process of the same name is older. Send a canary at once if it is younger.

        Both processes compare the same two pairs (start time, incarnation), so exactly one refuses clients.
        """
        if (other.started_at, other.incarnation) < (self._started_at, self._incarnation):
            self._on_duplicate()
        else:
            self._wake.set()


def _confirm(watch: CanaryWatch, confirmed: asyncio.Future[None]) -> None:
    if not confirmed.cancelled() and confirmed.exception() is None:
        watch.confirm()
