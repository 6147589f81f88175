"""Which server holds a key: always the one, the master that Sentinels name, or a node of a cluster by hash slot."""

from __future__ import annotations

from typing import Any, NamedTuple

from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError

from roomcast.adapter.redis_connection import NotConnected, RedisConnectionError, open_link
from roomcast.wire.redis_url import RedisTarget


class FixedServer:
    """A single server at a fixed place."""

    def __init__(self, target: RedisTarget) -> None:
        self._target = target

    async def resolve(self) -> RedisTarget:
        return self._target

    async def close(self) -> None:
        pass


class SentinelMaster:
    """The master of a service, asked from the Sentinels before every connection."""

    def __init__(self, target: RedisTarget, timeout_seconds: float) -> None:
        self._target = target
        self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
            list(target.hosts), socket_timeout=timeout_seconds, protocol=2
        )

    async def resolve(self) -> RedisTarget:
        t = self._target
        try:
            host, port = await self._sentinel.discover_master(t.service or "")
        except RedisError as error:
            raise NotConnected(f"no Sentinel names a master of {t.service}: {error}") from None
        return at(t, str(host), int(port))

    async def close(self) -> None:
        for client in self._sentinel.sentinels:
            await client.aclose()


class SlotRange(NamedTuple):
    """Hash slots `first` to `last` belong to the master at `host:port`."""

    first: int
    last: int
    host: str
    port: int


class ClusterTopology:
    """Asks any node of a cluster who holds which slots."""

    def __init__(self, target: RedisTarget, timeout_seconds: float) -> None:
        self._target = target
        self._timeout = timeout_seconds
        self._hosts = list(target.hosts)

    async def discover(self) -> list[SlotRange]:
        """Raises LinkDown when no known node answers."""
        for host, port in list(self._hosts):
            try:
                link = await open_link(at(self._target, host, port), timeout_seconds=self._timeout)
            except (RedisConnectionError, OSError, TimeoutError):
                continue
            try:
                ranges = [_range(row, host) for row in await link.call("CLUSTER", "SLOTS")]
            except RedisConnectionError:
                continue
            finally:
                link.close()
            self._hosts = list(dict.fromkeys([*((r.host, r.port) for r in ranges), *self._target.hosts]))
            return ranges
        raise NotConnected("no node of the cluster answers")

    def at(self, host: str, port: int) -> RedisTarget:
        return at(self._target, host, port)


def at(target: RedisTarget, host: str, port: int) -> RedisTarget:
    """One server with the credentials of `target`."""
    db, user, password = target.db, target.username, target.password
    return RedisTarget("standalone", ((host, port),), None, None, db, user, password, target.tls)


def _range(row: list[Any], asked: str) -> SlotRange:
    """An empty host means: the one that was asked."""
    first, last, (host, port, *_) = row[0], row[1], row[2]
    return SlotRange(first, last, host.decode() or asked, port)
