"""All experiments, each with its name on the command line, title, fault, durability levels and cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final

from deploy.cluster import Cluster
from deploy.layout import GATEWAY_CAPACITY
from loadtest.chaos import redis_topologies
from loadtest.chaos.fault_tools import Rig
from loadtest.chaos.faults import clients, failover, gateways, mixed, network, other_processes, redis, scaling
from loadtest.chaos.redis_topologies import Stage

Level = str
LEVELS: Final = ("everysec", "always", "wait")
_CRASH: Final = ("everysec", "always")
_FAILOVER: Final = ("everysec", "wait")


@dataclass(frozen=True, slots=True)
class Fault:
    """One experiment. `may_declare`: declared loss is allowed at `everysec`. `clients` overrides the default number.

    `levels`: the durability levels at which the experiment runs and must pass. `also`: more levels, run on request.
    """

    name: str
    title: str
    run: Callable[[Rig], Awaitable[None]]
    may_declare: bool = False
    levels: tuple[Level, ...] = ("everysec",)
    also: tuple[Level, ...] = ("always",)
    gateways: int = 3
    sweepers: int = 1
    signers: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    clients: int | None = None
    capacity: int = GATEWAY_CAPACITY
    """The largest number of gateways to which the cluster can be scaled."""
    stage: Callable[[Cluster, str], AbstractContextManager[Stage]] | None = None
    """Starts a Redis topology in place of the cluster's own Redis. The cluster then runs no sweeper and no signer."""


FAULTS: Final[tuple[Fault, ...]] = (
    Fault("kill-gateway", "kill -9 a gateway", gateways.kill_gateway),
    Fault("kill-gateway-and-redis", "gateway and Redis killed together", gateways.kill_gateway_and_redis, True, _CRASH),
    Fault("redis-restart-aof", "Redis killed, restarted with its append-only file", redis.redis_restart, True, _CRASH),
    Fault("redis-empty", "Redis restarted empty", redis.redis_empty, True, also=()),
    Fault(
        "redis-rollback",
        "Redis killed, restarted with a shortened append-only file",
        redis.redis_rollback,
        True,
        also=(),
    ),
    Fault("redis-restore", "Redis restored from a backup", redis.redis_restore, True, also=()),
    Fault("redis-sigstop", "Redis stopped (SIGSTOP)", redis.redis_sigstop),
    Fault("redis-sigstop-60", "Redis stopped for 60 s (SIGSTOP)", redis.redis_sigstop_60),
    Fault("client-kill-pubsub", "pub/sub connections killed (CLIENT KILL)", redis.client_kill_pubsub),
    Fault("pubsub-overflow", "output buffers of subscribers overflow", redis.pubsub_overflow),
    Fault("cut-redis-20x", "Redis connections cut 20 times", redis.redis_cut_20),
    Fault("redis-oom", "Redis is full (maxmemory)", redis.redis_oom),
    Fault("redis-misconf", "Redis cannot save (MISCONF)", redis.redis_misconf),
    Fault("slow-redis", "slow Redis (100 ± 50 ms)", network.slow_redis),
    Fault("deaf-gateway", "a deaf gateway", network.deaf_gateway),
    Fault("kill-sweeper", "kill -9 the sweeper", other_processes.kill_sweeper, sweepers=2),
    Fault("kill-signer", "kill -9 the signer", other_processes.kill_signer),
    Fault("storage-hang", "storage hangs", other_processes.storage_hang),
    Fault("nginx-reload", "nginx reload ×10", other_processes.nginx_reload),
    Fault("roll", "all gateways restarted, one after the other (SIGTERM)", gateways.roll),
    Fault("slow-consumer", "slow client (reads nothing)", clients.slow_consumer),
    Fault(
        "half-open", "a client vanishes without closing its connection", clients.half_open, env=clients.HALF_OPEN_ENV
    ),
    Fault(
        "scale",
        "scaling 1 → 40 → 4 gateways, then a roll",
        scaling.scale_and_roll,
        gateways=1,
        clients=200,
        capacity=40,
    ),
    Fault("clock-skew", "the clock of one gateway is off by an hour", gateways.clock_skew),
    Fault("reconnect-storm", "reconnect storm: all gateways killed", gateways.reconnect_storm, clients=5000),
    Fault("mixed", "random kills, pauses, cut connections, flushed scripts and reloads", mixed.mixed, True),
    Fault(
        "sentinel-failover",
        "Sentinel failover",
        failover.sentinel_failover,
        may_declare=True,
        levels=_FAILOVER,
        stage=redis_topologies.sentinels,
    ),
    Fault(
        "cluster-failover",
        "Redis Cluster failover",
        failover.cluster_failover,
        may_declare=True,
        levels=_FAILOVER,
        stage=redis_topologies.masters,
    ),
    Fault(
        "slot-migration",
        "slots of Redis Cluster migrated under load",
        failover.slot_migration,
        also=("always", "wait"),
        stage=redis_topologies.masters,
    ),
)


def find(name: str) -> Fault:
    """Return the experiment of that name; raise KeyError for an unknown name."""
    return {fault.name: fault for fault in FAULTS}[name]
