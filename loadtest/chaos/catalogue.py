"""Every row: its name on the command line, what it does, its durability level, and what it needs of a cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from loadtest.chaos.faults import gateways, redis
from loadtest.chaos.rig import Rig

Level = str
LEVELS: Final = ("everysec", "always", "wait")


@dataclass(frozen=True, slots=True)
class Fault:
    """`may_declare`: a loss that readers were told of passes, at the level `everysec`. `clients` over the default."""

    name: str
    title: str
    run: Callable[[Rig], Awaitable[None]]
    may_declare: bool = False
    levels: tuple[Level, ...] = ("everysec", "always")
    gateways: int = 3
    sweepers: int = 1
    signers: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    clients: int | None = None
    needs: str = ""
    """Why it cannot run yet; '' when it can."""


FAULTS: Final[tuple[Fault, ...]] = (
    Fault("kill-gateway", "kill -9 a gateway", gateways.kill_gateway),
    Fault("kill-gateway-and-redis", "gateway and Redis killed together", gateways.kill_gateway_and_redis, True),
    Fault("redis-restart-aof", "Redis killed, restarted with its AOF", redis.redis_restart, True),
    Fault("redis-empty", "Redis restarted empty", redis.redis_empty, True, ("everysec",)),
    Fault("redis-rollback", "Redis crashes and rolls back (AOF cut short)", redis.redis_rollback, True, ("everysec",)),
    Fault("redis-sigstop", "Redis SIGSTOP 10 s", redis.redis_sigstop),
    Fault("redis-sigstop-60", "Redis SIGSTOP 60 s", redis.redis_sigstop_60),
    Fault("client-kill-pubsub", "CLIENT KILL TYPE pubsub", redis.client_kill_pubsub),
    Fault("pubsub-overflow", "pub/sub output buffer overflow", redis.pubsub_overflow),
    Fault("cut-redis-20x", "Redis connections cut 20 times", redis.redis_cut_20),
    Fault("redis-oom", "Redis maxmemory", redis.redis_oom),
    Fault("redis-misconf", "Redis MISCONF (cannot save)", redis.redis_misconf),
)


def find(name: str) -> Fault:
    """Raises KeyError."""
    return {fault.name: fault for fault in FAULTS}[name]
