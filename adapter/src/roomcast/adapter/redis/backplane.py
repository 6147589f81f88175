"""Send commands and subscribe to channels, on one Redis server or on the master that Sentinels name.

`cluster_backplane` does the same for a cluster. Callers give keys and channels without the deployment prefix; this
module adds it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from roomcast.adapter.redis.connection import NotConnected
from roomcast.adapter.redis.server_connections import DurableConnection, Resolve, ServerConnections
from roomcast.adapter.redis.topology import FixedServer, SentinelMaster
from roomcast.wire import channels
from roomcast.wire.lua import ScriptLibrary
from roomcast.wire.redis_url import RedisTarget
from roomcast.wire.seals import UNSEALED, Seals

Owns = Callable[[str], bool]
"""Tells whether a channel is among those that were just subscribed again."""
OnMessage = Callable[[bytes, bytes], None]
OnResubscribed = Callable[[Owns], None]


class Backplane:
    """Sends commands and scripts by key, and subscribes to channels, all on one server."""

    def __init__(
        self,
        target: RedisTarget,
        *,
        name: str,
        timeout_seconds: float = 1.0,
        replicas: int = 0,
        scripts: ScriptLibrary | None = None,
        seals: Seals = UNSEALED,
    ) -> None:
        self.target = target
        self.seals = seals
        """Seals the messages that `publish` sends."""
        self.keyspace = target.keyspace
        """Adds the deployment prefix to keys and channels."""
        self._scripts = scripts
        self._on_message: OnMessage = _ignore
        self._on_resubscribed: OnResubscribed = _ignore_owns
        self._name = name
        self._timeout = timeout_seconds
        self._replicas = replicas
        self._servers: list[ServerConnections] = []
        self._started = False
        self._place: FixedServer | SentinelMaster = (
            SentinelMaster(target, timeout_seconds) if target.mode == "sentinel" else FixedServer(target)
        )

    # --- life ---

    @property
    def is_started(self) -> bool:
        """Tell whether the connections were started."""
        return self._started

    def start(self, on_message: OnMessage | None = None, on_resubscribed: OnResubscribed | None = None) -> None:
        """Open the connections in the background, inside the event loop; repeated calls do nothing.

        `on_message(channel, data)` receives every message of every subscribed channel. `on_resubscribed(owns)` is
        called after a lost connection, when its channels are subscribed again: `owns(channel)` tells whether a channel
        is one of them, and so may have missed messages.
        """
        if self._started:
            return
        self._started = True
        self._on_message = on_message or _ignore
        self._on_resubscribed = on_resubscribed or _ignore_owns
        self._open()

    def _open(self) -> None:
        self._add_server(self._place.resolve)

    def _add_server(self, resolve: Resolve, on_moved: Callable[[], None] | None = None) -> ServerConnections:
        server = ServerConnections(
            resolve,
            name=self._name,
            timeout_seconds=self._timeout,
            on_message=self._on_message,
            on_resubscribed=self._resubscribed,
            on_moved=on_moved,
            replicas=self._replicas,
            scripts=self._scripts,
        )
        self._servers.append(server)
        server.start()
        return server

    async def close(self) -> None:
        """Close all connections."""
        for server in self._servers:
            await server.close()

    async def wait_up(self, seconds: float = 10.0) -> None:
        """Wait until every connection is open. Raise TimeoutError after `seconds`."""
        async with asyncio.timeout(seconds):
            for server in self._servers:
                await server.wait_up()

    @property
    def is_up(self) -> bool:
        """Tell whether every server is reachable."""
        return bool(self._servers) and all(server.is_up for server in self._servers)

    def is_up_for(self, channel: str) -> bool:
        """Tell whether all connections to the server of a channel are open, and all channels there subscribed."""
        try:
            return self._server(self.keyspace.name(channel)).is_up
        except NotConnected:
            return False

    @property
    def reconnects(self) -> int:
        """The number of times that a connection was opened again since the start."""
        return sum(server.reconnects for server in self._servers)

    def reopen_subscriptions(self, channel: str) -> None:
        """Replace the pub/sub connection of a channel by a new one, and subscribe to all its channels again."""
        self._server(self.keyspace.name(channel)).subscriptions.reopen()

    def report_missed(self, channel: str) -> None:
        """Call `on_resubscribed` for the connection of this channel: it is open, but has missed messages."""
        self._resubscribed(self._server(self.keyspace.name(channel)))

    def canary_channels(self, node: str) -> list[str]:
        """Return one channel of the node for each pub/sub connection. The node publishes its canary probes there."""
        return [channels.node_channel(f"{node}.0")]

    # --- commands ---

    def run_id(self, key: str) -> str:
        """Return the run id of the server of `key`. Raise NotConnected if there is no connection to it.

        The run id changes when the server restarts or fails over. The data may then have changed, too.
        """
        return self._server(self.keyspace.name(key)).run_id

    def command(self, name: str, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        """Send a command on one key. TIME has no key: for TIME, `key` only selects the server.

        Without a connection, this call raises NotConnected. Awaiting its result raises ConnectionLost or CommandError.
        """
        full = self.keyspace.name(key)
        return self._call(full, name, *args) if name == "TIME" else self._call(full, name, full, *args)

    def script(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        """Send a script to the server of its first key, at once: Redis runs scripts in the order of the calls."""
        return self._run(name, self.keyspace.names(keys), args)

    def durable(self, key: str) -> DurableConnection | None:
        """Return the connection to the server of `key` for durable scripts (see `ScriptLibrary`), or None.

        The fast path of plain messages writes encoded commands to this connection. Without a connection, and in a
        cluster, where a server may redirect a command, the result is None: use `script` instead.
        """
        return self._servers[0].durable if self._servers else None

    def publish(self, channel: str, data: bytes) -> Awaitable[Any]:
        """Seal and publish to a channel, with SPUBLISH if its name has a hash tag, else with PUBLISH.

        The reply is the number of connections of this server that received the message.
        """
        full = self.keyspace.name(channel)
        return self._call(full, "SPUBLISH" if "{" in channel else "PUBLISH", full, self.seals.seal(full, data))

    # --- subscriptions ---

    def subscribe(self, channel: str) -> asyncio.Future[None]:
        """Subscribe. The returned future is done once Redis confirms; it stays pending while the connection is down."""
        return self._subscribe(self.keyspace.name(channel))

    def unsubscribe(self, channel: str) -> None:
        """Unsubscribe from a channel."""
        self._unsubscribe(self.keyspace.name(channel))

    def received_as(self, channel: str) -> bytes:
        """Return the name, with the prefix, under which `on_message` receives the messages of a channel."""
        return self.keyspace.name(channel).encode()

    # --- internal: these names have the deployment prefix ---

    def _call(self, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        return self._server(key).call(*args)

    def _run(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        return self._server(keys[0]).script(name, keys, args)

    def _subscribe(self, channel: str) -> asyncio.Future[None]:
        return self._server(channel).subscriptions.subscribe(channel)

    def _unsubscribe(self, channel: str) -> None:
        self._server(channel).subscriptions.unsubscribe(channel)

    def _server(self, key: str) -> ServerConnections:
        if not self._servers:
            raise NotConnected("the adapter is not started")
        return self._servers[0]

    def _resubscribed(self, server: ServerConnections) -> None:
        channels, name = frozenset(server.subscriptions.channels), self.keyspace.name
        self._on_resubscribed(lambda channel: name(channel) in channels)


def _ignore(channel: bytes, data: bytes) -> None:
    """Ignore a message."""


def _ignore_owns(owns: Owns) -> None:
    """Ignore that channels were subscribed again."""
