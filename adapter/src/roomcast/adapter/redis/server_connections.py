"""Keep the connections to one Redis server open: one for commands and one for pub/sub, reopened after random pauses.

A backplane has one such server, or one for each master of a Redis Cluster. Commands and pub/sub use separate
connections, so that many messages do not delay commands, and so that Redis can drop the pub/sub connection alone. If
acks wait for replicas, a third connection sends only the durable writes. WAIT blocks that connection, and reads must
not wait for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, NamedTuple

from roomcast.adapter.redis.command_pipeline import OnReply, PushHandler
from roomcast.adapter.redis.connection import (
    CommandError,
    NotConnected,
    RedisConnection,
    RedisConnectionError,
    open_connection,
)
from roomcast.adapter.redis.replica_acks import ReplicaGate
from roomcast.adapter.redis.subscriptions import Subscriptions
from roomcast.wire.backoff import Backoff
from roomcast.wire.limited_log import LimitedLog
from roomcast.wire.lua import ScriptLibrary
from roomcast.wire.redis_info import RedisInfo, parse_info
from roomcast.wire.redis_url import RedisTarget
from roomcast.wire.tasks import TaskSet

_FIRST_RETRY_SECONDS: Final = 0.05
_LAST_RETRY_SECONDS: Final = 1.0
_ROLE_SECONDS: Final = 2.0
"""Seconds between checks of the server's role. A server that becomes a replica still accepts PUBLISH without error."""
_REPEAT_SECONDS: Final = 60.0
"""Seconds after which the log repeats the same reason for a lost connection."""
_log = logging.getLogger(__name__)

Resolve = Callable[[], Awaitable[RedisTarget]]


class DurableConnection(NamedTuple):
    """The connection for durable scripts. Use it only while it is open.

    If `send` is not None, call it instead of `connection.send`: its replies wait for replicas. A reply may be an error:
    a CommandError (also for NOSCRIPT) or ConnectionLost.
    """

    connection: RedisConnection
    send: Callable[[bytes, OnReply], None] | None


class ServerConnections:
    """The connections to one Redis server, for commands, scripts and subscriptions.

    `on_message(channel, data)` receives the messages of subscribed channels. `on_resubscribed(server)` is called each
    time a new connection has subscribed all channels, because messages may have been missed before. `on_moved` is
    called when the server reports that a channel belongs to another server of the cluster.
    """

    def __init__(
        self,
        resolve: Resolve,
        *,
        name: str,
        timeout_seconds: float,
        on_message: PushHandler,
        on_resubscribed: Callable[[ServerConnections], None],
        on_moved: Callable[[], None] | None = None,
        replicas: int = 0,
        scripts: ScriptLibrary | None = None,
    ) -> None:
        self._scripts = scripts or ScriptLibrary()
        self._resolve = resolve
        self._name = name
        self._timeout = timeout_seconds
        self._on_message = on_message
        self._on_resubscribed = on_resubscribed
        self.subscriptions = Subscriptions(on_moved or _ignore_move)
        self._replicas = replicas
        self._commands: RedisConnection | None = None
        self._writes: RedisConnection | None = None
        self._gate: ReplicaGate | None = None
        self._commands_up = asyncio.Event()
        self._subscriptions_up = asyncio.Event()
        self._writes_up = asyncio.Event()
        if not replicas:
            self._writes_up.set()  # without replicas there is no connection for durable writes
        self._tasks = TaskSet()
        self._limited = LimitedLog(_log, _REPEAT_SECONDS)
        self._reasons: dict[str, str] = {}
        self._warned: set[str] = set()
        self.reconnects = 0

    def start(self) -> None:
        """Open the connections in the background, and open them again whenever they are lost."""
        self._supervise(self._open_commands, "commands")
        self._supervise(self._open_subscriptions, "pub/sub")
        if self._replicas:
            self._supervise(self._open_writes, "writes")

    def _supervise(self, session: Callable[[], Awaitable[None]], purpose: str) -> None:
        self._tasks.supervise(lambda: self._keep(session, purpose), f"redis {purpose} {self._name}")

    async def close(self) -> None:
        """Close all connections."""
        await self._tasks.cancel()
        for connection in (self._commands, self.subscriptions.connection, self._writes):
            if connection is not None:
                connection.close()

    async def wait_up(self) -> None:
        """Wait until all connections are open and all channels are subscribed."""
        for is_up in (self._commands_up, self._subscriptions_up, self._writes_up):
            await is_up.wait()

    @property
    def is_up(self) -> bool:
        """Tell whether commands, writes and subscriptions work."""
        return self._commands_up.is_set() and self._subscriptions_up.is_set() and self._writes_up.is_set()

    @property
    def run_id(self) -> str:
        """The run id of the Redis process, from INFO; empty while there is no connection for commands."""
        return self._commands.run_id if self._commands else ""

    # --- commands ---

    def call(self, *args: bytes | str | int | float) -> asyncio.Future[Any]:
        """Send one command. This call raises NotConnected; the future raises ConnectionLost or CommandError."""
        if self._commands is None:
            raise NotConnected(f"no connection to Redis ({self._name})")
        return self._commands.call(*args)

    def script(self, script_name: str, keys: Iterable[str], args: Iterable[bytes | str | int]) -> Awaitable[Any]:
        """Send a script at once: Redis runs scripts in the order of the calls. Await the reply."""
        names, values = tuple(keys), tuple(args)
        lua = self._scripts.script(script_name)
        if self._replicas and script_name in self._scripts.durable:
            future = self._open_gate().call("EVALSHA", lua.sha, len(names), *names, *values)
            return self._reply(future, lua.source, names, values)
        if self._commands is None:
            raise NotConnected(f"no connection to Redis ({self._name})")
        return self._commands.script(lua, names, values)

    @property
    def durable(self) -> DurableConnection | None:
        """The connection to which callers write packed durable scripts; None while it is not open."""
        if not self._replicas:
            return None if self._commands is None else DurableConnection(self._commands, None)
        return None if self._writes is None or self._gate is None else DurableConnection(self._writes, self._gate.send)

    def _open_gate(self) -> ReplicaGate:
        if self._gate is None:
            raise NotConnected(f"no connection for writes to Redis ({self._name})")
        return self._gate

    async def _reply(
        self, future: asyncio.Future[Any], source: bytes, keys: tuple[str, ...], args: tuple[Any, ...]
    ) -> Any:
        try:
            return await future
        except CommandError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return await self.call("EVAL", source, len(keys), *keys, *args)

    # --- keeping the connections open ---

    async def _keep(self, session: Callable[[], Awaitable[None]], purpose: str) -> None:
        """Run `session` (open a connection, then wait until it is lost) until cancelled, with pauses after failures."""
        backoff = Backoff(_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS)
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await session()
                reason = "lost"
            except (RedisConnectionError, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            if asyncio.get_running_loop().time() - started > _LAST_RETRY_SECONDS * 2:
                backoff.reset()
                self._reasons.pop(purpose, None)
            self.reconnects += 1
            self._tell(purpose, reason)
            await asyncio.sleep(backoff.pause())

    def _tell(self, purpose: str, reason: str) -> None:
        """Log why a connection is reopened. Log a new reason at once, and the same reason at most once a minute."""
        if reason not in self._reasons.values():
            self._limited.forget("lost")
        self._reasons[purpose] = reason
        self._limited.warning("lost", "redis %s of %s: %s; trying again", purpose, self._name, reason)

    def _check(self, info: RedisInfo) -> None:
        """Log each warning about the server once. Raise NotConnected for a replica, and for a Redis that is too old."""
        if info.is_replica:
            raise NotConnected("the server is a replica; waiting for the master")
        if info.is_too_old:
            raise NotConnected(info.warnings[0])
        for warning in info.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                _log.warning("%s", warning)

    def _demoted(self) -> None:
        """Close all connections, because the server became a replica. New ones are opened to the master."""
        for connection in (self._commands, self.subscriptions.connection, self._writes):
            if connection is not None and connection.is_open:
                self._limited.warning("demoted", "redis of %s became a replica; looking for the master", self._name)
                connection.close()

    async def _watch_role(self, connection: RedisConnection) -> None:
        """Check the server's role until the connection is lost; close all connections if it became a replica."""
        while connection.is_open:
            await asyncio.wait([connection.lost], timeout=_ROLE_SECONDS)
            if not connection.is_open:
                return
            if parse_info(await connection.call("INFO", "replication")).is_replica:
                self._demoted()

    async def _open_commands(self) -> None:
        connection = await open_connection(
            await self._resolve(),
            timeout_seconds=self._timeout,
            on_demoted=self._demoted,
            check=self._check,
            name=self._name,
            scripts=self._scripts.all(),
        )
        self._commands = connection
        self._commands_up.set()
        try:
            await self._watch_role(connection)
        finally:
            self._commands_up.clear()
            self._commands = None
            connection.close()

    async def _open_writes(self) -> None:
        """Open the connection for durable writes. Its timeout is twice as long: it covers a write and its WAIT."""
        connection = await open_connection(
            await self._resolve(),
            timeout_seconds=self._timeout * 2,
            on_demoted=self._demoted,
            check=self._check,
            name=f"{self._name}-writes",
            scripts=self._scripts.all(),
        )
        self._writes = connection
        self._gate = ReplicaGate(connection, self._replicas, int(self._timeout * 1000))
        self._writes_up.set()
        try:
            await connection.lost
        finally:
            self._writes_up.clear()
            self._writes = self._gate = None
            connection.close()

    async def _open_subscriptions(self) -> None:
        connection = await open_connection(
            await self._resolve(),
            timeout_seconds=self._timeout,
            name=f"{self._name}-pubsub",
            on_push=self._on_message,
            on_unsubscribed=self.subscriptions.mark_dropped,
            check=self._check,
        )
        try:
            await self.subscriptions.open(connection, self._refused)
            self._subscriptions_up.set()
            self._on_resubscribed(self)
            await connection.lost
        finally:
            self._subscriptions_up.clear()
            connection.close()
            self.subscriptions.mark_lost()

    def _refused(self, error: CommandError) -> None:
        self._limited.warning("refused", "redis refuses a subscription of %s: %s", self._name, error)


def _ignore_move() -> None:
    """Do nothing: without a cluster no channel moves."""
