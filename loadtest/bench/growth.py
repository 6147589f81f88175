"""Measure how costs grow: with gateways, with connections, in one very large room, and at a mass disconnect."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from loadtest.bench import measure
from loadtest.bench.measure import ANSWER_SECONDS, Span
from loadtest.bench.processes import LoadClient, Processes
from loadtest.bench.stalls import StallWatch
from loadtest.bench.workloads import Placement, Workload
from loadtest.peers.interface import Peer, Running
from loadtest.peers.roomcast import Roomcast

GATEWAYS: Final = (1, 2, 4, 8, 16)
CONNECTIONS: Final = (1_000, 5_000, 10_000, 20_000)
CONNECTIONS_PER_CLIENT: Final = 5_000
GATEWAYS_WARM_SECONDS: Final = 4.0
ROOM_MEMBERS: Final = 10_000
CONNECT_SECONDS: Final = 180.0
LEAVING_SECONDS: Final = 15.0
PROBE: Final = "ROOMCAST_LAG_PROBE_SECONDS"
PROBE_SECONDS: Final = 0.002

CHAIN_CONNECTIONS: Final = 20_000
CHAIN_RATE: Final = 600.0
CHAIN_SETTLE_SECONDS: Final = 5.0
CHAIN_NGINX_WORKERS: Final = 4
"""Number of nginx workers. A connection takes two file descriptors, and a worker may have 20,000 (`proxy.conf`)."""

_CONSTANT = Workload("gateways", "100 rooms of 10, paced 300/s", rooms=100, members=10, rate=300)
_LARGE_ROOM = Workload("room-10000", "one room of 10,000", rooms=1, members=ROOM_MEMBERS, rate=2)
_SMALL_ROOMS = Workload("gone-10000", "1,000 rooms of 10", rooms=ROOM_MEMBERS // 10, members=10)


def gateways(count: int, placement: Placement, peer: Peer, folder: Path, span: Span) -> dict[str, float]:
    """Measure the CPU of a message at constant load: in total, beyond the CPU at rest, and per receiving gateway."""
    longer = replace(span, warm_seconds=max(span.warm_seconds, GATEWAYS_WARM_SECONDS))
    figures = measure.deliveries(peer, _CONSTANT, longer, folder, count, placement, at_rest=True)
    receivers = min(count, _CONSTANT.members if placement == "spread" else 2)
    return {**figures, "receiver_us": figures["message_us"] / receivers}


def connections(total: int, peer: Peer, folder: Path, _: Span) -> dict[str, float]:
    """Measure `total` idle connections on two servers, from several load clients."""
    workload = Workload("connections", "idle", rooms=(total + measure.IDLE_WARM_CONNECTIONS) // 10, members=10)
    warm = measure.IDLE_WARM_CONNECTIONS
    with Processes(folder) as processes:
        redis_port, redis_pid = processes.redis()
        running = peer.start(processes, redis_port, 2)
        pids = {"servers": running.pids, "redis": [redis_pid]}
        _connect(processes, peer, running, workload, 0, warm, pids)
        time.sleep(measure.SETTLE_SECONDS)
        before = measure.memory(running.pids)
        parts = [
            _connect(
                processes, peer, running, workload, first, min(CONNECTIONS_PER_CLIENT, warm + total - first), pids
            )[1]
            for first in range(warm, warm + total, CONNECTIONS_PER_CLIENT)
        ]
        time.sleep(measure.SETTLE_SECONDS)
        return measure.connection_figures(_sum(parts, pids), total, measure.memory(running.pids) - before)


def chain(peer: Peer, folder: Path, span: Span) -> dict[str, float]:
    """Measure connections through nginx: opening them, keeping them, and a paced load over all their rooms."""
    clients = CHAIN_CONNECTIONS // CONNECTIONS_PER_CLIENT
    part = Workload("chain", "paced", CONNECTIONS_PER_CLIENT // 10, 10, rate=CHAIN_RATE / clients, through_nginx=True)
    with Processes(folder) as processes:
        redis_port, redis_pid = processes.redis("--maxclients", "20000")
        running = peer.start(processes, redis_port, 2)
        ports, nginx = measure.start_nginx(processes, running, CHAIN_NGINX_WORKERS)
        behind = replace(running, ports=ports)
        pids = {"servers": running.pids, "redis": [redis_pid], "nginx": nginx}
        before = {group: measure.memory(its) for group, its in pids.items()}
        made = [
            _connect(processes, peer, behind, part, number * CONNECTIONS_PER_CLIENT, CONNECTIONS_PER_CLIENT, pids)
            for number in range(clients)
        ]
        time.sleep(CHAIN_SETTLE_SECONDS)
        grown = {group: measure.memory(its) - before[group] for group, its in pids.items()}
        longer = replace(span, warm_seconds=max(span.warm_seconds, GATEWAYS_WARM_SECONDS))
        run = _run_together([client for client, _ in made], longer, pids)
        connected = _chain_connected(_sum([answer for _, answer in made], pids), grown)
        return {**measure.delivery_figures(run, through_nginx=True), **connected}


def _run_together(clients: list[LoadClient], span: Span, pids: measure.Pids) -> measure.Answer:
    """Let all clients publish at the same time; return sums, worst latencies, and the first client's CPU figures."""
    for client in clients:
        client.tell(do="run", warm=span.warm_seconds, seconds=span.seconds, pids=pids)
    runs = [client.answer(ANSWER_SECONDS + span.warm_seconds + span.seconds) for client in clients]
    sums = {name: sum(run[name] for run in runs) for name in ("sent", "deliveries", "lost", "refused")}
    worst = {name: max(run[name] for run in runs) for name in ("p50_ms", "p99_ms", "max_ms")}
    return {**runs[0], **sums, **worst}


def _chain_connected(made: measure.Answer, grown_bytes: Mapping[str, int]) -> dict[str, float]:
    """Return the costs of opening a connection and of keeping it, in the servers and in the whole chain."""
    kib = {group: size / CHAIN_CONNECTIONS / 1024 for group, size in grown_bytes.items()}
    micro = {group: cpu / CHAIN_CONNECTIONS * measure.MICRO for group, cpu in made["cpu"].items()}
    return {
        "chain_kib": sum(kib.values()),
        "memory_kib": kib["servers"],
        "nginx_kib": kib["nginx"],
        "redis_kib": kib["redis"],
        "chain_connect_us": sum(micro.values()),
        "connect_us": micro["servers"],
        "connect_rate": CHAIN_CONNECTIONS / made["seconds"],
    }


def large_room(peer: Peer, folder: Path, span: Span) -> dict[str, float]:
    """Measure event-loop stalls and latency of messages to 10,000 members of one room on one gateway."""
    with Processes(folder) as processes:
        redis_port, redis_pid = processes.redis()
        running = watched(peer).start(processes, redis_port, 1)
        pids = {"servers": running.pids, "redis": [redis_pid]}
        client, _ = _connect(processes, peer, running, _LARGE_ROOM, 0, ROOM_MEMBERS, pids)
        time.sleep(measure.SETTLE_SECONDS)
        with StallWatch(running.metrics_ports) as watch:
            run = client.ask(ANSWER_SECONDS, do="run", warm=1.0, seconds=max(10.0, span.seconds), pids=pids)
        return {**measure.delivery_figures(run, through_nginx=False), **watch.figures()}


def mass_disconnect(peer: Peer, folder: Path, _: Span) -> dict[str, float]:
    """Measure event-loop stalls when 10,000 clients of one gateway disconnect at the same moment."""
    with Processes(folder) as processes:
        redis_port, redis_pid = processes.redis()
        running = watched(peer).start(processes, redis_port, 1)
        pids = {"servers": running.pids, "redis": [redis_pid]}
        parts = [
            _connect(processes, peer, running, _SMALL_ROOMS, first, CONNECTIONS_PER_CLIENT, pids)[0]
            for first in range(0, ROOM_MEMBERS, CONNECTIONS_PER_CLIENT)
        ]
        time.sleep(measure.SETTLE_SECONDS)
        with StallWatch(running.metrics_ports) as watch:
            for client in parts:
                client.kill()
            time.sleep(LEAVING_SECONDS)
        return watch.figures()


def watched(peer: Peer) -> Peer:
    """Return the same kind of server; a Roomcast gateway then probes its loop lag every two milliseconds."""
    return replace(peer, settings={PROBE: str(PROBE_SECONDS)}) if isinstance(peer, Roomcast) else peer


def _connect(
    processes: Processes, peer: Peer, running: Running, workload: Workload, first: int, count: int, pids: measure.Pids
) -> tuple[LoadClient, measure.Answer]:
    client = measure.client(processes, peer, running, workload, running.ports, "spread")
    return client, client.ask(CONNECT_SECONDS, do="connect", first=first, count=count, pids=pids)


def _sum(parts: list[measure.Answer], pids: measure.Pids) -> measure.Answer:
    cpu = {group: sum(part["cpu"][group] for part in parts) for group in pids}
    return {"seconds": sum(part["seconds"] for part in parts), "cpu": cpu}
