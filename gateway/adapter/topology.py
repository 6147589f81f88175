"""Which server holds a key: always the one, the master that Sentinels name, or a node of a cluster by hash slot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError

from contract.redis_url import RedisTarget
from gateway.adapter.link import LinkDown

Resolve = Callable[[], Awaitable[RedisTarget]]


class Topology(Protocol):
    """Where the servers are."""

    def servers(self) -> list[Resolve]:
        """One resolver per server; each is asked again before every connection."""
        ...

    def index(self, key: str) -> int:
        """Which of them holds this key or channel."""
        ...

    async def close(self) -> None: ...


class OneServer:
    """A single server at a fixed place."""

    def __init__(self, target: RedisTarget) -> None:
        self._target = target

    def servers(self) -> list[Resolve]:
        return [self._resolve]

    def index(self, key: str) -> int:
        return 0

    async def close(self) -> None:
        pass

    async def _resolve(self) -> RedisTarget:
        return self._target


class SentinelMaster:
    """The master of a service, asked from the Sentinels before every connection."""

    def __init__(self, target: RedisTarget, timeout_seconds: float) -> None:
        self._target = target
        self._sentinel = Sentinel(  # type: ignore[no-untyped-call]
            list(target.hosts), socket_timeout=timeout_seconds, protocol=2
        )

    def servers(self) -> list[Resolve]:
        return [self._resolve]

    def index(self, key: str) -> int:
        return 0

    async def close(self) -> None:
        for client in self._sentinel.sentinels:
            await client.aclose()

    async def _resolve(self) -> RedisTarget:
        t = self._target
        try:
            host, port = await self._sentinel.discover_master(t.service or "")
        except RedisError as error:
            raise LinkDown(f"no Sentinel names a master of {t.service}: {error}") from None
        return RedisTarget("standalone", ((str(host), int(port)),), None, None, t.db, t.username, t.password, t.tls)


def make_topology(target: RedisTarget, timeout_seconds: float) -> Topology:
    if target.mode == "sentinel":
        return SentinelMaster(target, timeout_seconds)
    if target.mode == "cluster":
        raise ValueError("redis+cluster:// is not supported by the gateway yet")
    return OneServer(target)
