"""What the adapter asks of Redis, over one server, a Sentinel-watched master, or a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from roomcast.adapter.redis_connection import NotConnected
from roomcast.adapter.redis_server import DurableConnection, RedisServer, Resolve
from roomcast.adapter.topology import FixedServer, SentinelMaster
from roomcast.wire import channels
from roomcast.wire.lua import ScriptLibrary
from roomcast.wire.redis_url import RedisTarget

Owns = Callable[[str], bool]
OnMessage = Callable[[bytes, bytes], None]
OnResubscribed = Callable[[Owns], None]


class Backplane:
    """Commands and scripts by key, subscriptions by channel; here on one server."""

    def __init__(
        self,
        target: RedisTarget,
        *,
        name: str,
        timeout_seconds: float = 1.0,
        replicas: int = 0,
        scripts: ScriptLibrary | None = None,
    ) -> None:
        self.target = target
        self.keyspace = target.keyspace
        """The names of this deployment. All methods take names without its prefix."""
        self._scripts = scripts
        self._on_message: OnMessage = _ignore
        self._on_resubscribed: OnResubscribed = _ignore_owns
        self._name = name
        self._timeout = timeout_seconds
        self._replicas = replicas
        self._shards: list[RedisServer] = []
        self._started = False
        self._place: FixedServer | SentinelMaster = (
            SentinelMaster(target, timeout_seconds) if target.mode == "sentinel" else FixedServer(target)
        )

    # --- life ---

    @property
    def is_started(self) -> bool:
        return self._started

    def start(self, on_message: OnMessage | None = None, on_resubscribed: OnResubscribed | None = None) -> None:
        """Open the connections in the background, inside the event loop; repeated calls do nothing.

        `on_message(channel, data)` gets what comes on every subscribed channel. `on_resubscribed(owns)` is called
        whenever channels were subscribed again: `owns(channel)` tells which ones may have missed something.
        """
        if self._started:
            return
        self._started = True
        self._on_message = on_message or _ignore
        self._on_resubscribed = on_resubscribed or _ignore_owns
        self._open()

    def _open(self) -> None:
        self._add_shard(self._place.resolve)

    def _add_shard(self, resolve: Resolve, on_moved: Callable[[], None] | None = None) -> RedisServer:
        shard = RedisServer(
            resolve,
            name=self._name,
            timeout_seconds=self._timeout,
            on_message=self._on_message,
            on_resubscribed=self._resubscribed,
            on_moved=on_moved,
            replicas=self._replicas,
            scripts=self._scripts,
        )
        self._shards.append(shard)
        shard.start()
        return shard

    async def close(self) -> None:
        for shard in self._shards:
            await shard.close()

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

    def reopen_subscriptions(self, channel: str) -> None:
        """Drop the pub/sub link of a channel: a new one is opened and all its channels subscribed again."""
        self._shard(self.keyspace.name(channel)).reopen_subscriptions()

    def report_missed(self, channel: str) -> None:
        """The link of this channel has missed something, though it was never lost."""
        self._resubscribed(self._shard(self.keyspace.name(channel)))

    def canary_channels(self, node: str) -> list[str]:
        """One channel of the node for each pub/sub link."""
        return [channels.node_channel(f"{node}.0")]

    # --- commands ---

    def run_id(self, key: str) -> str:
        """Return the run id of the server that holds `key`: another one may have another history.

        Raise NotConnected.
        """
        return self._shard(self.keyspace.name(key)).run_id

    def command(self, name: str, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        """Send a command on one key; for TIME, which takes none, `key` names the server to ask.

        Raise NotConnected at once; awaiting the reply raises ConnectionLost or CommandError.
        """
        full = self.keyspace.name(key)
        return self._call(full, name, *args) if name == "TIME" else self._call(full, name, full, *args)

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        """Run a script on the server of its first key; its place in the order is the place of this call."""
        return self._run(name, self.keyspace.names(keys), args)

    def durable(self, key: str) -> DurableConnection | None:
        """How scripts whose acks wait for replicas go to the server of `key`, for the hot path.

        None while there is no link, and where a reply may need a second look (a cluster redirects): use `script` then.
        """
        return self._shards[0].durable if self._shards else None

    def publish(self, channel: str, data: bytes) -> Awaitable[Any]:
        """Publish to a channel, sharded where it has a hash tag.

        The reply is the number of connections of this server that received it.
        """
        return self.command("SPUBLISH" if "{" in channel else "PUBLISH", channel, data)

    # --- subscriptions ---

    def subscribe(self, channel: str) -> asyncio.Future[None]:
        """Return a future that is done once Redis has confirmed; it stays open while the connection is down."""
        return self._subscribe(self.keyspace.name(channel))

    def unsubscribe(self, channel: str) -> None:
        """Receive nothing more from a channel."""
        self._unsubscribe(self.keyspace.name(channel))

    def received_as(self, channel: str) -> bytes:
        """Return the name with which the messages of a channel come to `on_message`."""
        return self.keyspace.name(channel).encode()

    # --- inside: names with the prefix ---

    def _call(self, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        return self._shard(key).call(*args)

    def _run(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        return self._shard(keys[0]).script(name, keys, args)

    def _subscribe(self, channel: str) -> asyncio.Future[None]:
        return self._shard(channel).subscribe(channel)

    def _unsubscribe(self, channel: str) -> None:
        self._shard(channel).unsubscribe(channel)

    def _shard(self, key: str) -> RedisServer:
        if not self._shards:
            raise NotConnected("the adapter is not started")
        return self._shards[0]

    def _resubscribed(self, shard: RedisServer) -> None:
        channels, name = frozenset(shard.channels), self.keyspace.name
        self._on_resubscribed(lambda channel: name(channel) in channels)


def _ignore(channel: bytes, data: bytes) -> None:
    """Nobody listens yet."""


def _ignore_owns(owns: Owns) -> None:
    """Nobody listens yet."""
