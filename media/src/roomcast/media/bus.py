"""Read requests from Redis, send replies, and run scripts. Only this module of the package uses redis.

There are two Redis clients: one for commands, with a short timeout, and one that blocks in XREADGROUP. So a blocked
read never delays an answer. Errors of the driver become RoomcastError (UNAVAILABLE).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import redis.asyncio as aioredis
from redis.asyncio.connection import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from roomcast.contract import keys, redis_client
from roomcast.contract.envelope import MediaReply, MediaRequest
from roomcast.contract.errors import Code, RoomcastError
from roomcast.wire.envelope import EnvelopeError, Reader, pack
from roomcast.wire.redis_url import RedisTarget
from roomcast.wire.seals import UNSEALED, Seals

COMMAND_SECONDS: Final = 1.0
QUEUE_SECONDS: Final = 5.0
"""The longest wait, in seconds, of a command for a free connection. There may be more commands than connections."""

FIELD: Final = b"m"
PROBE_NODE: Final = "signers"
"""The node name of a channel without subscribers. `join` publishes on that channel, so that an account without the
right to publish fails before the signer reads requests."""

MAX_CONNECTIONS: Final = 16

Argument = str | bytes | int | float


class Entry(NamedTuple):
    """One entry of the request stream. `request` is None if this release cannot decode the entry."""

    id: str
    request: MediaRequest | None


class Bus:
    """One consumer in the group of the request stream. No other process may have the name `consumer`.

    `block_seconds`: the longest wait of one `read`. `seals` seals the replies.
    """

    def __init__(self, target: RedisTarget, consumer: str, block_seconds: float = 0.5, seals: Seals = UNSEALED) -> None:
        self._seals = seals
        self._consumer = consumer
        self._block_ms = int(block_seconds * 1000)
        self._commands = _client(target, COMMAND_SECONDS)
        self._blocking = _client(target, COMMAND_SECONDS + block_seconds)
        self._requests = Reader(MediaRequest)
        self._keyspace = target.keyspace
        self._stream = self._keyspace.name(keys.MEDIA_REQUESTS)

    async def join(self) -> None:
        """Create the stream and its consumer group if they are missing. Check that the account may publish replies."""
        with _translated():
            await self._commands.execute_command("SPUBLISH", self._keyspace.name(keys.node_channel(PROBE_NODE)), b"")
            try:
                await self._commands.xgroup_create(self._stream, keys.MEDIA_GROUP, id="0", mkstream=True)
            except ResponseError as error:
                if "BUSYGROUP" not in str(error):
                    raise

    async def read(self, count: int) -> list[Entry]:
        """Return up to `count` new requests; an empty list after `block_seconds` without a request."""
        with _translated():
            answer = await self._blocking.xreadgroup(
                keys.MEDIA_GROUP, self._consumer, {self._stream: ">"}, count=count, block=self._block_ms
            )
        batches = answer.values() if isinstance(answer, dict) else (batch for _, batch in answer or ())
        return [entry for batch in batches for entry in self._entries(batch)]

    async def renew(self, entries: Collection[str]) -> None:
        """Reset the idle time of these requests, so that no other signer claims them."""
        if entries:
            with _translated():
                await self._commands.xclaim(
                    self._stream, keys.MEDIA_GROUP, self._consumer, 0, list(entries), justid=True
                )

    async def claim(self, idle_seconds: float, count: int) -> list[Entry]:
        """Take over up to `count` requests that other consumers left unanswered for `idle_seconds`. Return them."""
        with _translated():
            _, batch, *_ = await self._commands.xautoclaim(
                self._stream, keys.MEDIA_GROUP, self._consumer, int(idle_seconds * 1000), count=count
            )
        return list(self._entries(batch))

    def _entries(self, batch: Sequence[Any]) -> Iterator[Entry]:
        nested = batch[0] if len(batch) == 1 and isinstance(batch[0], list) else batch  # RESP3 adds an outer list
        for entry_id, fields in nested:
            try:
                request = self._requests.unpack((fields or {}).get(FIELD, b""))
            except EnvelopeError:
                request = None
            yield Entry(_text(entry_id), request)

    async def answer(self, entry: Entry, reply: MediaReply) -> None:
        """Send the reply to the gateway or back end that asked, and remove the request from the stream."""
        await self._settle(entry, reply)

    async def drop(self, entry: Entry) -> None:
        """Remove a request from the stream without an answer."""
        await self._settle(entry, None)

    async def _settle(self, entry: Entry, reply: MediaReply | None) -> None:
        with _translated():
            async with self._commands.pipeline(transaction=False) as pipe:
                if entry.request is not None and reply is not None:
                    self._reply(pipe, entry.request.reply_to, reply)
                pipe.xack(self._stream, keys.MEDIA_GROUP, entry.id)
                pipe.xdel(self._stream, entry.id)
                await pipe.execute()

    def _reply(self, pipe: Any, reply_to: str, reply: MediaReply) -> None:
        """Publish a reply to a gateway, or push it to the list of a back end, which may not subscribe."""
        if reply_to.startswith(keys.BACK_END_NODE):
            name = self._keyspace.name(keys.media_replies(reply_to))
            pipe.rpush(name, pack(reply))
            pipe.expire(name, keys.REPLIES_SECONDS)
        else:
            channel = self._keyspace.name(keys.node_channel(reply_to))
            pipe.execute_command("SPUBLISH", channel, self._seals.seal(channel, pack(reply)))

    async def info(self) -> Any:
        """Return INFO of the server, or of one server of a cluster."""
        with _translated():
            return await self._commands.info()

    async def now_ms(self) -> int:
        """Return Redis's time, in milliseconds since the epoch."""
        with _translated():
            seconds, microseconds = await self._commands.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def run_script(self, script: str, names: Sequence[str], *arguments: Argument) -> Any:
        """Run the contract's script of this name; texts come back as bytes."""
        with _translated():
            return await redis_client.run_script(self._commands, script, self._keyspace.names(names), arguments)

    async def execute(self, command: str, key: str, *arguments: Argument) -> Any:
        """Run one plain command on one key."""
        with _translated():
            return await self._commands.execute_command(command, self._keyspace.name(key), *arguments)

    async def forget_idle_consumers(self, idle_seconds: float) -> int:
        """Remove consumers that have no pending request and were idle for `idle_seconds`. Return their number."""
        with _translated():
            consumers = await self._commands.xinfo_consumers(self._stream, keys.MEDIA_GROUP)
            gone = [row["name"] for row in consumers if not row["pending"] and row["idle"] > idle_seconds * 1000]
            for name in gone:
                await self._commands.xgroup_delconsumer(self._stream, keys.MEDIA_GROUP, name)
        return len(gone)

    async def leave(self) -> None:
        """Leave the consumer group if no request is pending, and close the connections.

        With a pending request the consumer stays in the group, so that another signer can claim the request.
        """
        try:
            with _translated():
                pending = await self._commands.xpending_range(
                    self._stream, keys.MEDIA_GROUP, "-", "+", 1, consumername=self._consumer
                )
                if not pending:
                    await self._commands.xgroup_delconsumer(self._stream, keys.MEDIA_GROUP, self._consumer)
        finally:
            await self._commands.aclose()
            await self._blocking.aclose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        raise RoomcastError(Code.UNAVAILABLE, f"redis: {type(error).__name__}: {error}") from error


def is_group_missing(error: RoomcastError) -> bool:
    """Return whether Redis has lost the stream or its consumer group, for example in a restart without its data."""
    return "NOGROUP" in error.detail


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _client(target: RedisTarget, timeout_seconds: float) -> Any:
    """Make a Redis client that retries a command once, without a pause. The caller decides about further retries.

    Many requests share a few connections. A command waits up to QUEUE_SECONDS for a free connection.
    """
    options: dict[str, Any] = {
        "client_name": "roomcast-media",
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": COMMAND_SECONDS,
        "health_check_interval": 15,
        "protocol": 2,
    }
    if target.mode != "cluster":  # the cluster client needs its own retries to follow redirects
        options["retry"] = Retry(NoBackoff(), 1)
    if target.mode == "standalone":
        pool = redis_client.make_pool(
            target, BlockingConnectionPool, max_connections=MAX_CONNECTIONS, timeout=QUEUE_SECONDS, **options
        )
        return aioredis.Redis.from_pool(pool)
    return redis_client.make_client(target, **options)
