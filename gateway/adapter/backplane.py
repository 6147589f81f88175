"""What the adapter asks of Redis, over one server, a Sentinel-watched master, or a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from contract.redis_url import RedisTarget, parse
from gateway.adapter.shard import LinkDown, Shard
from gateway.adapter.topology import Topology, make_topology

Message = Callable[[bytes, bytes], None]


class Backplane:
    """Commands and scripts by key, subscriptions by channel.

    `on_message(channel, data)` hears every channel subscribed; `on_resubscribed(owns)` is called whenever a link has
    (re)subscribed: `owns(channel)` tells which channels may have missed something.
    """

    def __init__(self, url: str, *, name: str, timeout_seconds: float = 1.0) -> None:
        self.target: RedisTarget = parse(url)
        self.on_message: Message = _ignore
        self.on_resubscribed: Callable[[Callable[[str], bool]], None] = _ignore_shard
        self._name = name
        self._timeout = timeout_seconds
        self._topology: Topology = make_topology(self.target, timeout_seconds)
        self._shards: list[Shard] = []
        self._started = False

    @property
    def is_started(self) -> bool:
        return self._started

    def start(self) -> None:
        """Open the links in the background. Call once, inside the event loop."""
        if self._started:
            return
        self._started = True
        for resolve in self._topology.servers():
            shard = Shard(
                resolve,
                name=self._name,
                timeout_seconds=self._timeout,
                on_message=self._hear,
                on_resubscribed=self._resubscribed,
            )
            self._shards.append(shard)
            shard.start()

    async def close(self) -> None:
        for shard in self._shards:
            await shard.close()
        await self._topology.close()

    async def wait_up(self, seconds: float = 10.0) -> None:
        """Until every link is open; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            for shard in self._shards:
                await shard.wait_up()

    @property
    def is_up(self) -> bool:
        return bool(self._shards) and all(shard.is_up for shard in self._shards)

    @property
    def reconnects(self) -> int:
        return sum(shard.reconnects for shard in self._shards)

    def run_id(self, key: str) -> str:
        """The run id of the server that holds `key` ('' where it says nothing: on a cluster slots move)."""
        return self._shard(key).run_id if len(self._shards) == 1 else ""

    def call(self, key: str, *args: bytes | str | int | float) -> asyncio.Future[Any]:
        """One command on the server of `key`. Raises LinkDown at once; the future raises LinkLost or CommandError."""
        return self._shard(key).call(*args)

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        """A script on the server of its first key; its place in the order is the place of this call."""
        return self._shard(keys[0]).script(name, keys, args)

    def publish(self, channel: str, data: bytes) -> asyncio.Future[Any]:
        """SPUBLISH; the future holds the number of links that heard it (of this server)."""
        return self._shard(channel).call("SPUBLISH" if "{" in channel else "PUBLISH", channel, data)

    def subscribe(self, channel: str) -> asyncio.Future[None]:
        return self._shard(channel).subscribe(channel)

    def unsubscribe(self, channel: str) -> None:
        self._shard(channel).unsubscribe(channel)

    def reopen_hearing(self) -> None:
        """Drop the pub/sub links: new ones are opened and all channels subscribed again."""
        for shard in self._shards:
            shard.reopen_hearing()

    def _shard(self, key: str) -> Shard:
        if not self._shards:
            raise LinkDown("the adapter is not started")
        return self._shards[self._topology.index(key)]

    def _hear(self, channel: bytes, data: bytes) -> None:
        self.on_message(channel, data)

    def _resubscribed(self, shard: Shard) -> None:
        def owns(channel: str) -> bool:
            return self._shard(channel) is shard

        self.on_resubscribed(owns)


def _ignore(channel: bytes, data: bytes) -> None:
    """Nobody listens yet."""


def _ignore_shard(owns: Callable[[str], bool]) -> None:
    """Nobody listens yet."""
