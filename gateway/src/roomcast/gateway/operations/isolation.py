"""Isolate a gateway after a long cut from Redis, until the gateway has read the revocations that it missed.

While a gateway is cut from Redis, it receives no revocation, ban or removal. After a short cut it checks its sessions
in the background while it serves. After a longer cut the gateway is *isolated*: it refuses events and delivers nothing,
but keeps its clients connected. Once Redis is back, it checks every session and room before it serves again. It
compares rooms with their logs, so that the members who may stay miss no message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

import structlog

from roomcast.gateway.operations.ticks import Ticks

CUT_TIMEOUTS: Final = 5
"""Length of a cut that isolates the gateway, in multiples of `redis_timeout_seconds`."""

_LOOK_SECONDS: Final = 1.0

_log = structlog.get_logger(__name__)


class Link(Protocol):
    """The state of the connection to Redis."""

    def is_up(self) -> bool:
        """Return whether commands work, and the channel of revocations is subscribed."""
        ...

    def silent_seconds(self) -> float:
        """Return for how many seconds the open connection has been deaf; 0 while published packets arrive."""
        ...


class CutWatch:
    """Measures how long the gateway has been cut from Redis. Pure; times are monotonic, in seconds."""

    def __init__(self, longest_seconds: float, now: float) -> None:
        self._longest = longest_seconds
        self._connected_at = now

    def is_long(self, now: float, *, is_up: bool, silent_seconds: float) -> bool:
        """Record the state of the link; return whether the latest cut was too long, even if the link is up again."""
        if silent_seconds:
            self._connected_at = min(self._connected_at, now - silent_seconds)
        is_long = now - self._connected_at >= self._longest
        if is_up and not silent_seconds:
            self._connected_at = now
        return is_long


class Isolation:
    """The isolation of one gateway. While `is_isolated`, the gateway refuses events and delivers nothing."""

    def __init__(
        self,
        link: Link,
        longest_seconds: float,
        *,
        hold: Callable[[], None],
        recheck: Callable[[], Awaitable[None]],
        release: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """`hold` stops deliveries; `recheck` applies missed revocations and removals; `release` resumes deliveries."""
        self._link = link
        self._watch = CutWatch(longest_seconds, clock())
        self._hold = hold
        self._recheck = recheck
        self._release = release
        self._clock = clock
        self._is_back = asyncio.Event()
        self.is_isolated = False

    def note_return(self) -> None:
        """Check the link now, because it is up again. Call this before handling anything that arrives over the link."""
        self._check_link()
        self._is_back.set()

    async def run(self, ticks: Ticks) -> None:
        """Check the link once a second, and end the isolation once Redis is back, until cancelled."""
        while True:
            await self._wait(ticks)
            self._check_link()
            if self.is_isolated and self._is_connected():
                await self._end_isolation()

    async def _wait(self, ticks: Ticks) -> None:
        """Wait for a tick; while the gateway is isolated, also return as soon as the connection is back."""
        if not self.is_isolated:
            await ticks.wait()
            return
        self._is_back.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._is_back.wait()

    def _check_link(self) -> None:
        link = self._link
        is_long = self._watch.is_long(self._clock(), is_up=link.is_up(), silent_seconds=link.silent_seconds())
        if is_long and not self.is_isolated:
            self.is_isolated = True
            _log.warning("gateway is isolated: it was cut from Redis; it refuses events and delivers nothing")
            self._hold()

    def _is_connected(self) -> bool:
        return self._link.is_up() and not self._link.silent_seconds()

    async def _end_isolation(self) -> None:
        await self._recheck()
        if not self._is_connected():
            return  # the gateway may have missed revocations during the new cut
        self._watch.is_long(self._clock(), is_up=True, silent_seconds=0.0)
        self.is_isolated = False
        self._release()
        _log.info("gateway is no longer isolated: revocations were read")
