"""Send commands and subscribe to channels on a Redis Cluster: by hash slot, following redirections.

The map of slots is read again every few seconds, when a server answers MOVED, and when a server ends the subscription
to a channel because its slot has moved. The channel is then subscribed at the new owner of the slot. The channel's room
is compared with its log, as after a lost connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final

from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.connection import CommandError, NotConnected, RedisConnectionError
from roomcast.adapter.redis.server_connections import DurableConnection, ServerConnections
from roomcast.adapter.redis.topology import SLOTS, ClusterTopology, Redirection, SlotRange, read_redirection, slot_of
from roomcast.wire import channels
from roomcast.wire.limited_log import LimitedLog
from roomcast.wire.lua import ScriptLibrary
from roomcast.wire.redis_url import RedisTarget
from roomcast.wire.seals import UNSEALED, Seals
from roomcast.wire.tasks import TaskSet

_WATCH_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.1
_MAX_TRIES: Final = 8
_MAX_CANARIES: Final = 2_000
_WAIT_AND_RETRY: Final = ("TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "MASTERDOWN")
_log = logging.getLogger(__name__)

Send = Callable[[ServerConnections], Awaitable[Any]]
Address = tuple[str, int]


class ClusterBackplane(Backplane):
    """A backplane over a cluster. A message on a channel without a hash tag (`control`) reaches all servers."""

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
        super().__init__(
            target, name=name, timeout_seconds=timeout_seconds, replicas=replicas, scripts=scripts, seals=seals
        )
        self._cluster = ClusterTopology(target, timeout_seconds)
        self._by_address: dict[Address, ServerConnections] = {}
        self._owners: list[ServerConnections | None] = [None] * SLOTS
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._known = asyncio.Event()
        self._stale = asyncio.Event()
        self._tasks = TaskSet()
        self._limited = LimitedLog(_log)

    # --- life ---

    def _open(self) -> None:
        self._tasks.supervise(self._watch, "cluster slots")

    async def close(self) -> None:
        """Close all connections and stop watching the topology."""
        await self._tasks.cancel()
        await super().close()

    async def wait_up(self, seconds: float = 10.0) -> None:
        """Wait until every master is known and reachable. Raise TimeoutError if that takes too long."""
        async with asyncio.timeout(seconds):
            await self._known.wait()
        await super().wait_up(seconds)

    @property
    def is_up(self) -> bool:
        """Tell whether the topology is known and every master reachable."""
        return self._known.is_set() and super().is_up

    # --- the map of slots ---

    async def _watch(self) -> None:
        """Read the map of slots every few seconds and whenever it is stale, until cancelled."""
        while True:
            self._stale.clear()
            try:
                self._apply(await self._cluster.discover())
            except RedisConnectionError as error:
                self._limited.warning("map", "%s", error)
                await asyncio.sleep(_RETRY_SECONDS)
            try:
                async with asyncio.timeout(_WATCH_SECONDS):
                    await self._stale.wait()
                await asyncio.sleep(_RETRY_SECONDS)  # a migration moves many slots: read the map once for all of them
            except TimeoutError:
                pass

    def _apply(self, ranges: list[SlotRange]) -> None:
        masters = {(r.host, r.port) for r in ranges}
        for r in ranges:
            server = self._server_at((r.host, r.port))
            self._owners[r.first : r.last + 1] = [server] * (r.last + 1 - r.first)
        for address in self._by_address.keys() - masters:
            server = self._by_address.pop(address)
            self._servers.remove(server)
            self._owners = [None if owner is server else owner for owner in self._owners]
            self._move_channels(server)
            self._tasks.start(server.close(), "close a server")
        for server in list(self._servers):
            self._move_channels(server)
        self._known.set()
        for channel, future in list(self._waiting.items()):
            del self._waiting[channel]
            _chain(self._subscribe(channel), future)

    def _server_at(self, address: Address) -> ServerConnections:
        server = self._by_address.get(address)
        if server is None:
            target = self.target.at(*address)

            async def resolve() -> RedisTarget:
                return target

            server = self._by_address[address] = self._add_server(resolve, self._stale.set)
        return server

    def _move_channels(self, server: ServerConnections) -> None:
        """Subscribe moved channels at their new owners. Then report these channels: they may have missed messages."""
        for channel in server.subscriptions.channels:
            owner = self._owner(channel)
            if owner is None or owner is server:
                continue
            server.subscriptions.unsubscribe(channel)
            owner.subscriptions.subscribe(channel).add_done_callback(partial(self._moved, channel))
        for channel, subscribed in server.subscriptions.subscribe_moved():
            subscribed.add_done_callback(partial(self._moved, channel))

    def _moved(self, channel: str, done: asyncio.Future[None]) -> None:
        if not done.cancelled() and done.exception() is None:
            self._on_resubscribed(lambda name: self.keyspace.name(name) == channel)

    def _owner(self, key: str) -> ServerConnections | None:
        return self._owners[slot_of(key.encode())]

    def _server(self, key: str) -> ServerConnections:
        owner = self._owner(key)
        if owner is None:
            self._stale.set()
            raise NotConnected("no server of the cluster owns this slot")
        return owner

    def canary_channels(self, node: str) -> list[str]:
        """Return one channel for each master: the first numbered channel of this node whose slot the master owns."""
        found: dict[ServerConnections, str] = {}
        for number in range(_MAX_CANARIES):
            channel = channels.node_channel(f"{node}.{number}")
            owner = self._owner(self.keyspace.name(channel))
            if owner is not None:
                found.setdefault(owner, channel)
            if len(found) == len(self._by_address):
                break
        return list(found.values())

    # --- commands, with redirections ---

    def _call(self, key: str, *args: bytes | str | int | float) -> Awaitable[Any]:
        return self._send(key, lambda server: server.call(*args))

    def _run(self, name: str, keys: tuple[str, ...], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        values = tuple(args)
        return self._send(keys[0], lambda server: server.script(name, keys, values))

    def durable(self, key: str) -> DurableConnection | None:
        """Return None: a cluster may redirect a command, and the fast path does not follow redirections."""
        return None

    def _send(self, key: str, send: Send) -> Awaitable[Any]:
        """Send at once, so that commands are sent in the order of the calls; retry after a redirection."""
        return self._follow(key, send, send(self._server(key)))

    async def _follow(self, key: str, send: Send, reply: Awaitable[Any]) -> Any:
        for _ in range(_MAX_TRIES - 1):
            try:
                return await reply
            except CommandError as error:
                reply = await self._again(key, send, error)
        return await reply  # await the last try, too: Redis may run it, so the caller must not get an older error

    async def _again(self, key: str, send: Send, error: CommandError) -> Awaitable[Any]:
        """Send again after a redirection or a temporary error; raise any other error."""
        redirection = read_redirection(str(error))
        if redirection is not None:
            return await self._redirected(key, send, redirection)
        if str(error).partition(" ")[0] not in _WAIT_AND_RETRY:
            raise error
        return await self._wait(key, send)

    async def _wait(self, key: str, send: Send) -> Awaitable[Any]:
        """Send again to the slot's owner, after a pause."""
        self._stale.set()
        await asyncio.sleep(_RETRY_SECONDS)
        return send(self._server(key))

    async def _redirected(self, key: str, send: Send, to: Redirection) -> Awaitable[Any]:
        if not to.host:
            return await self._wait(key, send)  # the reply has no address: the map of slots may have it
        server = self._server_at((to.host, to.port))
        if not to.is_ask:
            self._stale.set()
            self._owners[to.slot] = server
        try:
            async with asyncio.timeout(self._timeout):
                await server.wait_up()
        except TimeoutError:
            raise NotConnected(f"the server {to.host}:{to.port} does not answer") from None
        if to.is_ask:
            server.call("ASKING").add_done_callback(_forget)
        return send(server)

    # --- subscriptions ---

    def _subscribe(self, channel: str) -> asyncio.Future[None]:
        """Subscribe at the slot's owner; before the map is known, remember the channel."""
        owner = self._owner(channel)
        if owner is not None:
            return owner.subscriptions.subscribe(channel)
        return self._waiting.setdefault(channel, asyncio.get_running_loop().create_future())

    def _unsubscribe(self, channel: str) -> None:
        waiting = self._waiting.pop(channel, None)
        if waiting is not None:
            waiting.cancel()
        for server in self._servers:
            server.subscriptions.unsubscribe(channel)


def _forget(reply: asyncio.Future[Any]) -> None:
    """Retrieve the error of a reply that no caller awaits, because asyncio would log it otherwise."""
    if not reply.cancelled():
        reply.exception()


def _chain(source: asyncio.Future[None], target: asyncio.Future[None]) -> None:
    """Copy the result or error of `source` to `target`, once `source` is done."""

    def copy(done: asyncio.Future[None]) -> None:
        if target.done() or done.cancelled():
            return
        error = done.exception()
        if error is None:
            target.set_result(None)
        else:
            target.set_exception(error)

    source.add_done_callback(copy)
