"""Read and write presence in Redis for the sweeper. Every operation ends within a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final, NamedTuple

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError

from roomcast.contract import keys
from roomcast.contract.redis_client import Client, make_client, run_script
from roomcast.presence.expiry import Mark, Node, Verdict, Windows, dead_nodes, parse_node, read_mark
from roomcast.wire.keyspace import Keyspace
from roomcast.wire.redis_url import parse

TIMEOUT_SECONDS: Final = 1.0
_PLAIN: Final = Keyspace()


class StoreError(Exception):
    """An operation in Redis failed. The text is one line, without credentials."""


class ShardState(NamedTuple):
    """One shard before a step: Redis's time, the mark of the previous step, the number of users present.

    `due` is a batch of users whose presence was not refreshed in time, `ended` a batch of users whose note has ended.
    """

    now_ms: int
    mark: Mark | None
    users: int
    due: list[str]
    ended: list[str]


def connect(url: str) -> Client:
    """Make a client for a URL of `roomcast.wire.redis_url`; it connects on first use. Raise ValueError for another URL.

    The client does not retry, so that each operation ends within a second. The sweeper retries with backoff.
    """
    return make_client(
        parse(url),
        protocol=2,
        decode_responses=True,
        client_name="roomcast-presence",
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


class PresenceStore:
    """The sweeper's reads and changes of presence. All methods raise StoreError when Redis fails."""

    def __init__(self, client: Client, windows: Windows, keyspace: Keyspace = _PLAIN) -> None:
        self._client = client
        self._keyspace = keyspace
        self._windows = windows

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def info(self) -> Any:
        """Return INFO of the server, or of one server of a cluster."""
        return await self._guarded(self._client.info())

    async def check_rights(self) -> None:
        """Publish to a channel without subscribers. Raise StoreError if the account may not publish."""
        channel = self._keyspace.name(keys.presence_channel(keys.PRESENCE_SHARDS))
        await self._guarded(self._client.execute_command("SPUBLISH", channel, ""))

    async def hold_lease(self, token: str) -> bool:
        """Get or renew the sweepers' lease. Return False while another sweeper has the lease."""
        life_ms = int(self._windows.lease_seconds * 1000)
        return bool(await self._run("lease_hold", [keys.PRESENCE_SWEEPER], token, life_ms))

    async def release_lease(self, token: str) -> bool:
        """Release the lease. Return whether this sweeper had it."""
        return bool(await self._run("lease_release", [keys.PRESENCE_SWEEPER], token))

    async def read_shard(self, shard: int) -> ShardState:
        """Read the state of a shard."""
        w = self._windows
        names = [keys.presence_seen(shard), keys.presence_mark(shard), keys.presence_ends(shard)]
        args = (w.online_seconds, w.batch, w.ahead_seconds)
        now_ms, mark, users, due, ended = await self._run("presence_shard_state", names, *args)
        return ShardState(now_ms, read_mark(mark), users, due, ended)

    async def end_notes(self, shard: int, users: Sequence[str]) -> int:
        """Publish that the notes of these users have ended, except notes that have changed. Return their number."""
        names = [
            keys.presence_seen(shard),
            keys.presence_ends(shard),
            keys.presence_channel(shard),
            *(keys.presence_connections(shard, user) for user in users),
        ]
        return int(await self._run("presence_end_notes", names, self._windows.horizon_seconds, *users))

    async def sweep(self, shard: int, state: ShardState, verdict: Verdict) -> int:
        """Expire the due users if the verdict allows it, and store a mark. Return how many users expired.

        Return -1 if the step came too late and the script did nothing.
        """
        w = self._windows
        users = state.due if verdict.may_expire else []
        names = [
            keys.presence_seen(shard),
            keys.presence_last(shard),
            keys.presence_mark(shard),
            keys.presence_channel(shard),
            *(keys.presence_connections(shard, user) for user in users),
        ]
        fence = (state.now_ms, int(w.fence_seconds * 1000), verdict.grace_until_ms, w.mark_seconds)
        bounds = (w.online_seconds, w.ahead_seconds, w.last_seen_seconds)
        return int(await self._run("presence_sweep", names, *fence, *bounds, *users))

    async def dead_nodes(self) -> list[Node]:
        """Return the dead incarnations of gateways that `forget_node` has not removed yet."""
        now, flat = await self._run("presence_nodes", [keys.PRESENCE_NODES])
        announced = {parse_node(field): int(at) for field, at in zip(flat[::2], flat[1::2], strict=True)}
        leases = {name: await self._get(keys.node_lease(name)) for name in {node.name for node in announced}}
        return dead_nodes(now, announced, leases, self._windows)

    async def drop_node_step(self, shard: int, node: Node, now_ms: int) -> int:
        """Remove one batch of a dead node's connections in a shard. `now_ms`: the time at which this shard was read.

        Return the number of removed connections; 0 if none is left, -1 if the step came too late.
        """
        members_key = keys.presence_node(shard, node.name, node.incarnation)
        members = await self._guarded(self._client.srandmember(self._keyspace.name(members_key), self._windows.batch))
        if not members:
            return 0
        rows = [member.split("|", 1) for member in members]
        names = [
            members_key,
            keys.presence_seen(shard),
            keys.presence_channel(shard),
            *(keys.presence_connections(shard, user) for user, _ in rows),
        ]
        fence_ms, horizon = int(self._windows.fence_seconds * 1000), self._windows.horizon_seconds
        flat = [part for row in rows for part in row]
        return int(await self._run("presence_drop_node", names, now_ms, fence_ms, *node, horizon, *flat))

    async def forget_node(self, node: Node) -> None:
        """Delete the record of an incarnation, after its connections were removed."""
        await self._guarded(self._client.hdel(self._keyspace.name(keys.PRESENCE_NODES), node.field))

    # --- calls ---

    async def _get(self, key: str) -> str | None:
        value: str | None = await self._guarded(self._client.get(self._keyspace.name(key)))
        return value

    async def _run(self, name: str, names: Sequence[str], *args: str | int) -> Any:
        return await self._guarded(run_script(self._client, name, self._keyspace.names(names), args))

    async def _guarded(self, call: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await call
        except TimeoutError:
            raise StoreError(f"no answer within {TIMEOUT_SECONDS:g} s") from None
        except (RedisError, RedisClusterException, OSError) as error:
            raise StoreError(" ".join(str(error).split()) or type(error).__name__) from None
