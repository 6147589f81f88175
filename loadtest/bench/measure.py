"""Take one measurement: start one kind of server, load it, read the figures, stop everything."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from loadtest.bench import procfs
from loadtest.bench.load_client import Setup
from loadtest.bench.processes import LoadClient, Processes, find_tool, free_ports
from loadtest.bench.workloads import IDLE, Placement, Until, Workload
from loadtest.peers.interface import PROGRAMS, Peer, Running, render

ANSWER_SECONDS = 90.0
IDLE_WARM_CONNECTIONS = 200
SETTLE_SECONDS = 2.0
REST_SECONDS = 5.0
MICRO = 1_000_000
Answer = dict[str, Any]
Pids = dict[str, list[int]]


@dataclass(frozen=True)
class Span:
    """Durations of a delivery row: seconds of load before counting, and counted seconds; `until`: see `Workload`."""

    warm_seconds: float = 1.5
    seconds: float = 4.0
    until: Until = "members"


def deliveries(
    peer: Peer,
    workload: Workload,
    span: Span,
    folder: Path,
    gateways: int = 2,
    placement: Placement = "spread",
    *,
    at_rest: bool = False,
) -> dict[str, float]:
    """Measure one delivery row; `at_rest`: also the servers' CPU while all clients are connected and none publishes."""
    with Processes(folder) as processes:
        redis_port, redis_pid = processes.redis()
        running = peer.start(processes, redis_port, gateways)
        ports, nginx = _front(processes, workload, running)
        pids = {"servers": running.pids, "redis": [redis_pid], "nginx": nginx}
        agent = client(processes, peer, running, replace(workload, until=span.until), ports, placement)
        agent.ask(ANSWER_SECONDS, do="connect", first=0, count=workload.connections, pids={})
        rest = rest_share(running.pids) if at_rest else None
        wait = ANSWER_SECONDS + span.warm_seconds + span.seconds
        run = agent.ask(wait, do="run", warm=span.warm_seconds, seconds=span.seconds, pids=pids)
    figures = delivery_figures(run, workload.through_nginx)
    return figures if rest is None else figures | rest_figures(run, rest)


def rest_share(pids: list[int]) -> float:
    """Measure the CPU seconds per second of these processes without load."""
    time.sleep(SETTLE_SECONDS)
    before, started = sum(map(procfs.run_seconds, pids)), time.perf_counter()
    time.sleep(REST_SECONDS)
    return (sum(map(procfs.run_seconds, pids)) - before) / (time.perf_counter() - started)


def rest_figures(run: Answer, rest: float) -> dict[str, float]:
    """Return the servers' CPU at rest, and the additional CPU of a message."""
    above = run["cpu"]["servers"] - rest * run["seconds"]
    return {"rest_percent": rest * 100, "above_rest_us": above / max(1, run["sent"]) * MICRO}


def idle(peer: Peer, folder: Path, workload: Workload = IDLE, gateways: int = 2) -> dict[str, float]:
    """Measure the costs of opening and of keeping a connection. 200 earlier connections absorb the one-time costs."""
    with Processes(folder) as processes:
        redis_port, redis_pid = processes.redis()
        running = peer.start(processes, redis_port, gateways)
        agent = client(processes, peer, running, workload, running.ports, "spread")
        agent.ask(ANSWER_SECONDS, do="connect", first=0, count=IDLE_WARM_CONNECTIONS, pids={})
        time.sleep(SETTLE_SECONDS)
        before = memory(running.pids)
        count = workload.connections - IDLE_WARM_CONNECTIONS
        pids = {"servers": running.pids, "redis": [redis_pid]}
        made = agent.ask(ANSWER_SECONDS, do="connect", first=IDLE_WARM_CONNECTIONS, count=count, pids=pids)
        time.sleep(SETTLE_SECONDS)
        return connection_figures(made, count, memory(running.pids) - before)


def memory(pids: list[int]) -> int:
    """Return the memory of all these processes together, in bytes."""
    return sum(procfs.memory_bytes(pid) for pid in pids)


def connection_figures(made: Answer, count: int, grown_bytes: int) -> dict[str, float]:
    """Return the figures of `count` connections; `made` is the load client's answer."""
    return {
        "memory_kib": grown_bytes / count / 1024,
        "connect_us": made["cpu"]["servers"] / count * MICRO,
        "redis_connect_us": made["cpu"]["redis"] / count * MICRO,
        "connect_rate": count / made["seconds"],
    }


def client(
    processes: Processes, peer: Peer, running: Running, workload: Workload, ports: list[int], placement: Placement
) -> LoadClient:
    """Start a load client for these servers."""
    setup = Setup(workload, peer.dialect, ports, running.secret, placement)
    return processes.agent(msgspec.json.encode(setup).decode())


def _front(processes: Processes, workload: Workload, running: Running) -> tuple[list[int], list[int]]:
    """Return the ports for clients, and the process ids of nginx if the row uses one."""
    return start_nginx(processes, running, 1) if workload.through_nginx else (running.ports, [])


def start_nginx(processes: Processes, running: Running, workers: int) -> tuple[list[int], list[int]]:
    """Start an nginx in front of these servers; return its port, as a list, and its process ids."""
    [port] = free_ports(1)
    servers = " ".join(f"server 127.0.0.1:{each};" for each in running.ports)
    values = {"folder": processes.folder, "port": port, "servers": servers, "workers": workers}
    config = render(PROGRAMS / "proxy.conf", processes.folder / "proxy.conf", **values)
    master = processes.start("proxy", [find_tool("nginx"), "-c", str(config), "-p", str(processes.folder)], port)
    return [port], [master, *procfs.wait_for_children(master, workers)]


def delivery_figures(run: Answer, through_nginx: bool) -> dict[str, float]:
    """Return the figures of a counted span; `run` is the load client's answer."""
    count, cpu = max(1, run["deliveries"]), run["cpu"]
    figures = {
        "cpu_us": cpu["servers"] / count * MICRO,
        "message_us": cpu["servers"] / max(1, run["sent"]) * MICRO,
        "redis_us": cpu["redis"] / count * MICRO,
        "client_us": cpu["client"] / count * MICRO,
        "rate": run["deliveries"] / run["seconds"],
        **{name: run[name] for name in ("p50_ms", "p99_ms", "max_ms", "lost", "refused")},
    }
    if through_nginx:
        figures["nginx_us"] = cpu["nginx"] / count * MICRO
        figures["chain_us"] = figures["nginx_us"] + figures["cpu_us"] + figures["redis_us"]
    return figures
