"""Redis topologies beside a single server: a master with replicas under three Sentinels, and a cluster with replicas.

A topology and the gateways that use it are a *stage*. The gateways run behind nginx, with the topology's Redis URL.
"""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import hiredis

from deploy import tools
from deploy.cluster import Cluster
from loadtest.bench.processes import free_ports
from loadtest.chaos.crowd import NotReached
from loadtest.chaos.redis_admin import RedisAdmin, RedisAway
from loadtest.chaos.unsupervised import Private, private, wait_ready

SERVICE: Final = "main"
_START_SECONDS: Final = 30.0
_GATEWAYS: Final = (1, 2, 3)
_BUS: Final = 10_000
_LAST_PORT: Final = 22_500


@dataclass(frozen=True, slots=True)
class Stage:
    """A running topology: its child processes, its Redis servers (name to port), and the Redis URL of its gateways."""

    processes: Private
    nodes: dict[str, int]
    url: str

    def admin(self, name: str) -> RedisAdmin:
        return admin_of(self.nodes[name])


def admin_of(port: int) -> RedisAdmin:
    return RedisAdmin(f"redis://127.0.0.1:{port}")


@contextmanager
def sentinels(cluster: Cluster, level: str) -> Iterator[Stage]:
    """Start `master`, two replicas, and `sentinel1` to `sentinel3`. After a promotion, one replica is left."""
    with private(cluster.state / "logs") as processes:
        names = ("master", "replica1", "replica2", "sentinel1", "sentinel2", "sentinel3")
        nodes = dict(zip(names, free_ports(len(names)), strict=True))
        start_redis(cluster, processes, "master", nodes["master"], level)
        for name in names[1:3]:
            start_redis(cluster, processes, name, nodes[name], level, "--replicaof", f"127.0.0.1 {nodes['master']}")
        for name in names[3:]:
            _start_sentinel(cluster, processes, name, nodes[name], nodes["master"])
        watcher = admin_of(nodes["sentinel1"])
        _until(lambda: _sees(watcher), "the Sentinels see each other and the replicas")
        hosts = ",".join(f"127.0.0.1:{nodes[name]}" for name in names[3:])
        url = f"redis+sentinel://{hosts}/{SERVICE}"
        _start_gateways(cluster, processes, url, level)
        yield Stage(processes, nodes, url)


@contextmanager
def masters(cluster: Cluster, level: str) -> Iterator[Stage]:
    """Start three masters, each with a replica. Level `wait` needs two: after a takeover, acks still need a replica."""
    with private(cluster.state / "logs") as processes:
        replicas = 2 if level == "wait" else 1
        names = [f"node{number}" for number in range(1, 4 + 3 * replicas)]
        nodes = dict(zip(names, _ports_with_bus(len(names)), strict=True))
        for name, port in nodes.items():
            options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
            start_redis(cluster, processes, name, port, level, *options)
        for port in nodes.values():
            _until(lambda port=port: ask(port, "PING") == "PONG", "a Redis server answers")  # type: ignore[misc]
        addresses = [f"127.0.0.1:{port}" for port in nodes.values()]
        command = [
            str(tools.require("redis-cli")),
            "--cluster",
            "create",
            *addresses,
            "--cluster-replicas",
            str(replicas),
            "--cluster-yes",
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        _until(lambda: all(_is_whole(port) for port in nodes.values()), "the cluster agrees on its slots")
        url = f"redis+cluster://{','.join(addresses)}"
        _start_gateways(cluster, processes, url, level)
        yield Stage(processes, nodes, url)


def start_redis(cluster: Cluster, processes: Private, name: str, port: int, level: str, *options: str) -> None:
    """Start a Redis server with its own folder, so that a restart loads the append-only file again."""
    home = cluster.state / name
    home.mkdir(exist_ok=True)
    fsync = "everysec" if level == "wait" else level
    argv = [str(tools.require("redis-server")), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(home)]
    argv += ["--save", "", "--appendonly", "yes", "--appendfsync", fsync, "--maxmemory-policy", "noeviction"]
    processes.start(name, [*argv, *options])


def _ports_with_bus(count: int) -> list[int]:
    """Return free ports whose cluster bus ports (10,000 above) are free, too; all are below the ephemeral range."""
    found: list[int] = []
    for port in range(random.randrange(11_000, 20_000), _LAST_PORT):
        if len(found) < count and _is_free(port) and _is_free(port + _BUS):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _start_sentinel(cluster: Cluster, processes: Private, name: str, port: int, master: int) -> None:
    home = cluster.state / name
    home.mkdir()
    settings = home / "sentinel.conf"
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {home}\nsentinel monitor {SERVICE} 127.0.0.1 {master} 2\n"
        f"sentinel down-after-milliseconds {SERVICE} 1000\nsentinel failover-timeout {SERVICE} 5000\n"
    )
    processes.start(name, [str(tools.require("redis-server")), str(settings), "--sentinel"])


def _start_gateways(cluster: Cluster, processes: Private, url: str, level: str) -> None:
    env = {"ROOMCAST_REDIS_URL": url} | ({"ROOMCAST_WAIT_REPLICAS": "1"} if level == "wait" else {})
    names = [processes.gateway(cluster, number, env) for number in _GATEWAYS]
    asyncio.run(wait_ready([cluster.metrics_url(name, "/readyz") for name in names]))


def ask(port: int, *args: str | int) -> Any:
    """Send one command synchronously; return None when there is no answer."""
    try:
        return asyncio.run(admin_of(port).call(*args))
    except (RedisAway, hiredis.ReplyError):
        return None


def _sees(watcher: RedisAdmin) -> bool:
    found = ask(watcher.target.hosts[0][1], "SENTINEL", "MASTER", SERVICE)
    state = dict(zip(found[::2], found[1::2], strict=True)) if found else {}
    return state.get("num-other-sentinels") == "2" and state.get("num-slaves") == "2"


def _is_whole(port: int) -> bool:
    return "cluster_state:ok" in str(ask(port, "CLUSTER", "INFO"))


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise NotReached(f"not within {_START_SECONDS:g} s: {what}")
        time.sleep(0.1)
