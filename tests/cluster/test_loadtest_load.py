"""The chat load through nginx on a real cluster: it measures, and its verdict can be bad."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deploy.cluster import Cluster

LOAD = [sys.executable, "-m", "loadtest.load", "--users", "12", "--time", "4s", "--spawn-rate", "12"]


def load(cluster: Cluster, *options: str) -> subprocess.CompletedProcess[str]:
    url = f"http://localhost:{cluster.ports.page}"
    return subprocess.run([*LOAD, "--url", url, *options], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.timeout(120)
def test_targets_held(cluster: Cluster) -> None:
    done = load(cluster, "--p95-delivery", "5000", "--p95-ack", "5000")
    assert "all targets held" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0
    rows = {tuple(line.split()[:2]) for line in done.stdout.splitlines() if line}
    assert {("delivery", "message"), ("ack", "message:send"), ("ack", "room:join"), ("connect", "websocket")} <= rows


@pytest.mark.timeout(120)
def test_a_missed_target_is_named_and_fails(cluster: Cluster) -> None:
    done = load(cluster, "--p95-delivery", "0")
    assert "missed: delivery p95" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1


def test_no_cluster_is_one_line() -> None:
    done = subprocess.run(
        [*LOAD, "--url", "http://localhost:1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("load: nothing answers at http://localhost:1")
    assert len(done.stderr.splitlines()) == 1
