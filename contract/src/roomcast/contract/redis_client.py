"""Make redis-py clients for URLs of `roomcast.wire.redis_url`, and run scripts with them. Not for gateways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import MasterNotFoundError, Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, ReadOnlyError

from roomcast.contract.lua import script
from roomcast.wire.redis_tls import redis_py_options
from roomcast.wire.redis_url import RedisTarget

Client = Redis | RedisCluster


def make_client(target: RedisTarget, **options: Any) -> Client:
    """Make a client that connects on first use. `options`: those of redis-py; some also apply to Sentinels."""
    if target.mode == "cluster":
        nodes = [ClusterNode(host, port) for host, port in target.hosts]
        return RedisCluster(
            startup_nodes=nodes, username=target.username, password=target.password, **_tls(target), **options
        )
    if target.mode == "sentinel":
        return _master(target, options | {"db": target.db})
    return Redis.from_pool(make_pool(target, ConnectionPool, **options))


P = TypeVar("P", bound=ConnectionPool)


def make_pool(target: RedisTarget, kind: type[P], **options: Any) -> P:
    """Return a pool of connections to a single server. `options` are those of redis-py."""
    options |= {"username": target.username, "password": target.password, "db": target.db}
    if target.unix_path is not None:
        return kind(connection_class=_UnixConnection, path=target.unix_path, **options)
    host, port = target.hosts[0]
    if target.tls:
        return kind(
            connection_class=_TlsConnection, host=host, port=port, **options, **redis_py_options(target.tls_options)
        )
    return kind(connection_class=_PlainConnection, host=host, port=port, **options)


class _MasterConnection(AbstractConnection):
    """A connection that closes when its server refuses a write because the server has become a replica.

    redis-py then resolves the host name again, which may lead to the new master.
    """

    async def read_response(self, *args: Any, **options: Any) -> Any:
        """Read a reply. Raise ConnectionError for READONLY, after closing the connection."""
        try:
            return await super().read_response(*args, **options)
        except ReadOnlyError as error:
            await self.disconnect()
            raise RedisConnectionError("the server became a replica") from error


class _PlainConnection(_MasterConnection, Connection):
    pass


class _TlsConnection(_MasterConnection, SSLConnection):
    pass


class _UnixConnection(_MasterConnection, UnixDomainSocketConnection):
    pass


def _tls(target: RedisTarget) -> dict[str, Any]:
    return {"ssl": True, **redis_py_options(target.tls_options)} if target.tls else {}


class _Sentinels(Sentinel):
    """Sentinels that raise only MasterNotFoundError, also if a Sentinel refuses or sends a malformed answer."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        """Return the address of the master. Convert every error into a MasterNotFoundError with a text of one line."""
        try:
            host, port = await super().discover_master(service_name)
        except MasterNotFoundError:
            raise MasterNotFoundError(f"no Sentinel names a master of {service_name}") from None
        except Exception as error:  # redis-py's parser raises errors of many classes for a malformed answer
            raise MasterNotFoundError(f"a Sentinel sends a malformed answer: {type(error).__name__}") from error
        return host, port


def _master(target: RedisTarget, options: dict[str, Any]) -> Redis:
    """Return a client that asks the Sentinels for the master before it opens a connection."""
    options |= {"username": target.username, "password": target.password, **_tls(target)}
    shared = {
        name: value for name, value in options.items() if name.startswith(("socket_", "ssl")) or name == "protocol"
    }
    shared |= {"username": target.sentinel_username, "password": target.sentinel_password}
    shared["retry"] = Retry(NoBackoff(), 0)
    sentinel = _Sentinels(list(target.hosts), sentinel_kwargs=shared)  # type: ignore[no-untyped-call]
    master: Redis = sentinel.master_for(target.service or "", **options)
    return master


async def run_script(
    client: Any, name: str, names: Sequence[str], args: Sequence[bytes | str | float], *, is_read_only: bool = False
) -> Any:
    """Run the Lua script `name` with `names` as KEYS. Raise the errors of the driver."""
    loaded, suffix = script(name), "_RO" if is_read_only else ""
    try:
        return await client.execute_command(f"EVALSHA{suffix}", loaded.sha, len(names), *names, *args)
    except NoScriptError:  # the server has restarted, or is a new master: EVAL runs the script and caches it
        return await client.execute_command(f"EVAL{suffix}", loaded.source, len(names), *names, *args)
