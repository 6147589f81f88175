"""The load client of the benchmark, on real gateways and a real Redis."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loadtest.bench import measure
from loadtest.bench.processes import BenchError, Processes
from loadtest.bench.stalls import StallWatch
from loadtest.bench.workloads import Workload
from loadtest.peers.interface import Running
from loadtest.peers.roomcast import Roomcast

SPAN = measure.Span(warm_seconds=0.3, seconds=0.7)


def test_a_workload_with_a_window_loses_no_message(tmp_path: Path) -> None:
    figures = measure.deliveries(Roomcast(), Workload("t", "t", rooms=3, members=6, window=2), SPAN, tmp_path)
    assert figures["rate"] > 0
    assert (figures["lost"], figures["refused"]) == (0, 0)
    assert 0 < figures["p50_ms"] <= figures["p99_ms"] <= figures["max_ms"]


def test_a_workload_with_a_rate_delivers_at_that_rate(tmp_path: Path) -> None:
    paced = Workload("t", "t", rooms=4, members=5, rate=40, through_nginx=True)
    figures = measure.deliveries(Roomcast(), paced, SPAN, tmp_path)
    assert figures["rate"] == pytest.approx(40 * 5, rel=0.3)
    assert figures["refused"] == 0
    parts = figures["nginx_us"] + figures["cpu_us"] + figures["redis_us"]
    assert figures["chain_us"] == pytest.approx(parts)


def test_stalls_are_read_from_a_real_gateway(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        redis_port, _ = processes.redis()
        running = Roomcast().start(processes, redis_port, 1)
        with StallWatch(running.metrics_ports) as watch:
            measure.client(processes, Roomcast(), running, Workload("t", "t", 1, 20), running.ports, "spread").ask(
                20, do="connect", first=0, count=20, pids={}
            )
        figures = watch.figures()
    assert figures["stall_ms"] > 0
    assert figures["busy_ms"] <= figures["lag_ms"]
    assert figures["lags_20ms"] >= 0


def test_a_refused_client_raises_an_error_and_leaves_no_process(tmp_path: Path) -> None:
    with Processes(tmp_path) as processes:
        redis_port, redis_pid = processes.redis()
        running = Roomcast().start(processes, redis_port, 1)
        stranger = Running(running.ports, running.pids, secret="another secret of more than 32 bytes")
        client = measure.client(processes, Roomcast(), stranger, Workload("t", "t", 1, 2), running.ports, "spread")
        with pytest.raises(BenchError, match="JoinError"):
            client.ask(20, do="connect", first=0, count=2, pids={})
        pids = [redis_pid, *running.pids, client.process.pid]
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists() and os.getpgid(pid)] == []
