"""redis-py clients for what `roomcast.wire.redis_url` describes, and the scripts on them: for all who are not
gateways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import NoScriptError

from roomcast.contract.lua import script
from roomcast.wire.redis_url import RedisTarget

Client = Redis | RedisCluster


def make_client(target: RedisTarget, **options: Any) -> Client:
    """A client that connects on first use. `options` are redis-py's; those of sockets go for Sentinels too."""
    options |= {"username": target.username, "password": target.password}
    if target.mode == "cluster":
        nodes = [ClusterNode(host, port) for host, port in target.hosts]
        return RedisCluster(startup_nodes=nodes, ssl=target.tls, **options)
    options["db"] = target.db
    if target.mode == "sentinel":
        return _master(target, options)
    if target.unix_path is not None:
        return Redis(unix_socket_path=target.unix_path, **options)
    host, port = target.hosts[0]
    return Redis(host=host, port=port, ssl=target.tls, **options)


def _master(target: RedisTarget, options: dict[str, Any]) -> Redis:
    """The master that the Sentinels name, whenever a connection is opened."""
    shared = {name: value for name, value in options.items() if name.startswith("socket_") or name == "protocol"}
    sentinel = Sentinel(list(target.hosts), sentinel_kwargs=shared)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(target.service or "", ssl=target.tls, **options)
    return master


async def run_script(
    client: Any, name: str, names: Sequence[str], args: Sequence[bytes | str | float], *, is_read_only: bool = False
) -> Any:
    """`contract/scripts/<name>.lua` with `names` as KEYS. Raises the driver's errors."""
    loaded, suffix = script(name), "_RO" if is_read_only else ""
    try:
        return await client.execute_command(f"EVALSHA{suffix}", loaded.sha, len(names), *names, *args)
    except NoScriptError:  # a server that just (re)started or took over: EVAL runs and keeps it
        return await client.execute_command(f"EVAL{suffix}", loaded.source, len(names), *names, *args)
