"""A gateway's proof to itself that its subscriptions hear: one canary a second through every pub/sub link.

A link can be open and yet deaf (a subscription lost on the way, a proxy that swallows pushes): commands work, nothing
comes. The watch is pure; `CanaryProbe` publishes, listens, and has a deaf link opened again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

from roomcast.adapter.backplane import Backplane
from roomcast.adapter.node_messages import Canary, NodeMessage
from roomcast.adapter.redis_connection import RedisConnectionError
from roomcast.adapter.ticker import Ticker
from roomcast.wire.envelope import Reader, pack

DEAF_SECONDS: Final = 3.0


class CanaryWatch:
    """The canaries of one link, sent and heard by this incarnation. The clock is monotonic, in seconds."""

    def __init__(self, incarnation: str, deaf_seconds: float = DEAF_SECONDS) -> None:
        self._incarnation = incarnation
        self._deaf_seconds = deaf_seconds
        self._count = 0
        self._last_heard = 0
        self._unheard_since: float | None = None
        self._reopened_at = float("-inf")

    def sing(self, now: float) -> Canary:
        """The next canary to publish."""
        self._count += 1
        if self._unheard_since is None:
            self._unheard_since = now
        return Canary(self._incarnation, self._count)

    def heard(self, canary: Canary, now: float) -> bool:
        """True when canaries before this one were missed: then other packets may have been, too."""
        if canary.incarnation != self._incarnation:
            return False
        missed = canary.count > self._last_heard + 1
        self._last_heard = canary.count
        self._unheard_since = None if canary.count == self._count else now
        return missed

    def excuse(self) -> None:
        """Nothing could be published: the silence says nothing about hearing."""
        self._unheard_since = None

    def deaf_seconds(self, now: float) -> float:
        """For how long the link has been deaf; 0 while it hears."""
        if self._unheard_since is None:
            return 0.0
        return max(0.0, now - self._unheard_since - self._deaf_seconds)

    def is_due_for_reopening(self, now: float) -> bool:
        """True once per spell of silence that is long enough; the new link gets the same time again."""
        if self.deaf_seconds(now) <= 0 or now - self._reopened_at <= self._deaf_seconds:
            return False
        self._reopened_at = now
        return True


class ChannelSubscriber(Protocol):
    """How the choir hears: the adapter."""

    def listen(self, channel: str, handler: Callable[[bytes], None]) -> asyncio.Future[None]: ...

    def unlisten(self, channel: str) -> None: ...


class CanaryProbe:
    """The canaries of all pub/sub links of one gateway."""

    def __init__(
        self, backplane: Backplane, node: str, incarnation: str, ears: ChannelSubscriber, beat: Ticker
    ) -> None:
        self._backplane = backplane
        self._node = node
        self._incarnation = incarnation
        self._ears = ears
        self._beat = beat
        self._reader = Reader(NodeMessage)
        self._watches: dict[str, CanaryWatch] = {}

    def deaf_seconds(self, now: float) -> float:
        """For how long the worst link has been deaf."""
        return max((watch.deaf_seconds(now) for watch in self._watches.values()), default=0.0)

    async def run(self, on_deaf: Callable[[], None]) -> None:
        """For ever. `on_deaf` is called when a link is opened again for being deaf."""
        while True:
            self._follow(self._backplane.canary_channels(self._node))
            for channel, watch in list(self._watches.items()):
                await self._sing(channel, watch, on_deaf)
            await self._beat.wait()

    def _follow(self, channels: list[str]) -> None:
        """A cluster's masters come and go."""
        for channel in self._watches.keys() - set(channels):
            del self._watches[channel]
            self._ears.unlisten(channel)
        for channel in set(channels) - self._watches.keys():
            self._watches[channel] = watch = CanaryWatch(self._incarnation)
            self._ears.listen(channel, partial(self._hear, channel, watch))

    async def _sing(self, channel: str, watch: CanaryWatch, on_deaf: Callable[[], None]) -> None:
        now = asyncio.get_running_loop().time()
        try:
            await self._backplane.publish(channel, pack(watch.sing(now)))
        except RedisConnectionError:
            watch.excuse()  # commands are gone too: that is not deafness, however long it lasts
            return
        if watch.is_due_for_reopening(now):
            on_deaf()
            self._backplane.reopen_hearing(channel)

    def _hear(self, channel: str, watch: CanaryWatch, data: bytes) -> None:
        message = self._reader.unpack(data)
        if isinstance(message, Canary) and watch.heard(message, asyncio.get_running_loop().time()):
            self._backplane.look_again(channel)
