"""A real Redis Cluster of three masters on free loopback ports, and Sentinels with a master and a replica."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis

from tests.servers import find_tool, free_port, is_listening, redis_server, stop, wait_until


@contextmanager
def redis_cluster(folder: Path) -> Iterator[list[int]]:
    """Run a cluster; yield the ports of its three masters, which own all slots."""
    with ExitStack() as stack:
        ports = []
        for number in range(3):
            home = folder / f"node{number}"
            home.mkdir()
            bus = ("--cluster-port", str(free_port()))  # by default 10,000 above the port, which may exceed 65,535
            options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", *bus)
            ports.append(stack.enter_context(redis_server(home, *options)))
        nodes = [f"127.0.0.1:{port}" for port in ports]
        command = [find_tool("redis-cli"), "--cluster", "create", *nodes, "--cluster-yes"]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        wait_until(lambda: all(_is_whole(port) for port in ports), "the cluster agrees on its slots")
        yield ports


def _is_whole(port: int) -> bool:
    with redis.Redis(port=port) as client:
        info = client.execute_command("CLUSTER INFO")
        return "cluster_state:ok" in str(info) or info.get("cluster_state") == "ok"


def move_slot(ports: list[int], slot: int, target: int) -> None:
    """Migrate a slot with its keys to the master at port `target`, while the cluster serves clients."""
    ids = {port: redis.Redis(port=port).execute_command("CLUSTER MYID").decode() for port in ports}
    owner = owner_of(ports, slot)
    source, sink = redis.Redis(port=owner), redis.Redis(port=target)
    sink.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", ids[owner])
    source.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", ids[target])
    while keys := source.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
        source.execute_command("MIGRATE", "127.0.0.1", target, "", 0, 5000, "KEYS", *keys)
    for port in (target, owner, *ports):
        redis.Redis(port=port).execute_command("CLUSTER SETSLOT", slot, "NODE", ids[target])


def owner_of(ports: list[int], slot: int) -> int:
    """Return the port of the master that owns a slot."""
    for port in ports:
        me = redis.Redis(port=port).execute_command("CLUSTER MYID")
        for first, last, master, *_ in _slots(port):
            if first <= slot <= last and master[2] == me:
                return port
    raise LookupError(slot)


def _slots(port: int) -> list[tuple[int, int, list[bytes]]]:
    client = redis.Redis(port=port)
    client.response_callbacks.clear()
    rows: list[tuple[int, int, list[bytes]]] = client.execute_command("CLUSTER SLOTS")
    return rows


@contextmanager
def sentinel_pair(folder: Path) -> Iterator[tuple[int, int, list[int]]]:
    """Run a master, its replica, and three Sentinels that watch them as `main`; yield their ports."""
    with ExitStack() as stack:
        homes = [folder / name for name in ("master", "replica", "s1", "s2", "s3")]
        for home in homes:
            home.mkdir()
        master = stack.enter_context(redis_server(homes[0]))
        replica = stack.enter_context(redis_server(homes[1], "--replicaof", "127.0.0.1", str(master)))
        sentinels = [stack.enter_context(sentinel(home, master)) for home in homes[2:]]
        watcher = redis.Redis(port=sentinels[0])
        wait_until(lambda: _is_watched(watcher), "the Sentinels see each other and the replica")
        yield master, replica, sentinels


@contextmanager
def sentinel(home: Path, master: int, quorum: int = 2, more: str = "") -> Iterator[int]:
    """Run a Sentinel that watches the Redis on port `master` as `main`; yield its port. `more`: configuration lines."""
    port = free_port()
    settings = home / "sentinel.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {home}\nsentinel monitor main 127.0.0.1 {master} {quorum}\n"
        f"sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 5000\n{more}"
    )
    with (home / "sentinel.log").open("wb") as log:
        process = subprocess.Popen([find_tool("redis-server"), str(settings), "--sentinel"], stdout=log, stderr=log)
    try:
        wait_until(lambda: is_listening(port), f"Sentinel on port {port}")
        yield port
    finally:
        stop(process)


def _is_watched(watcher: redis.Redis) -> bool:
    state: Any = watcher.sentinel_master("main")
    return int(state["num-other-sentinels"]) == 2 and int(state["num-slaves"]) == 1
