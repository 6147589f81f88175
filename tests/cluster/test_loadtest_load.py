"""Load tests of a real cluster: reports, verdicts, and latencies beside those of an independent client."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import redis

from deploy.cluster import Cluster
from deploy.layout import ROOT
from loadtest import texts
from loadtest.results.rows import percentile
from roomcast.contract import keys
from roomcast.contract.tokens import sign
from tests import health
from tests.cluster.room_clients import Party
from tests.servers import wait_until

LOCUST = [sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless", "--only-summary"]
RUN_ID = "5eed"
SECONDS = 90


def locust(cluster: Cluster, *options: str, users: int = 12, run_time: str = "5s") -> subprocess.CompletedProcess[str]:
    """Run locust with stock options; only the URL and the secret are those of the cluster."""
    command = [*LOCUST, "--host", cluster.url, "-u", str(users), "-r", str(users), "-t", run_time, *options]
    environment = {**os.environ, "ROOMCAST_JWT_SECRET": cluster.jwt_secret, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def lenient(folder: Path, text: str = "") -> str:
    """Write targets that hold even on a busy machine; return the path."""
    path = folder / "slo.toml"
    path.write_text(text or 'missing = 0\n["delivery message"]\np95_ms = 5000\n["ack message:send"]\np95_ms = 5000\n')
    return str(path)


def assert_held(done: subprocess.CompletedProcess[str]) -> None:
    """Check that all targets held; on a busy machine, a saturated load generator (status 3) is accepted."""
    assert "missed:" not in done.stdout, done.stdout + done.stderr
    assert "held: messages missing 0" in done.stdout, done.stdout + done.stderr
    assert done.returncode in (0, 3), done.stdout + done.stderr


def row(output: str, title: str) -> list[float]:
    """Return the numbers of a row of the summary: count, failed, per second, p50, p95, p99, max."""
    found = re.search(rf"^{title.replace(' ', r' +')} +(.*)$", output, re.MULTILINE)
    assert found, output
    return [float(word.replace(",", "")) for word in found[1].split()]


def counts(output: str) -> dict[str, int]:
    line = next(line for line in output.splitlines() if line.startswith("counts: "))
    return {name: int(value) for name, _, value in (part.rpartition(" ") for part in line[8:].split(", "))}


@pytest.mark.timeout(SECONDS + 30)
def test_csv_and_html_write_locust_s_files_and_report_writes_our_page(cluster: Cluster, tmp_path: Path) -> None:
    files = [
        "--csv",
        str(tmp_path / "out"),
        "--html",
        str(tmp_path / "stock.html"),
        "--report",
        str(tmp_path / "r.html"),
    ]
    done = locust(cluster, *files, "--slo", lenient(tmp_path), "Chat")
    assert_held(done)
    found = counts(done.stdout)
    assert found["rooms checked"] == 12
    assert found["acked"] > 0
    assert found.get("missing", 0) == found.get("duplicates", 0) == 0
    assert "message:send" in (tmp_path / "out_stats.csv").read_text()
    assert (tmp_path / "stock.html").stat().st_size > 10_000
    page = (tmp_path / "r.html").read_text()
    assert "delivery message p95" in page
    assert page.count("<svg") == 6


@pytest.mark.timeout(SECONDS + 30)
def test_make_load_finds_the_cluster_and_two_load_generators_use_different_users(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Run the command of `make load`, without a URL or a secret."""
    command = [sys.executable, "-m", "loadtest.load", "--state", str(cluster.state)]
    command += ["--users", "10", "--time", "5s", "--spawn-rate", "10", "--report", str(tmp_path / "r.html")]
    command += ["--processes", "2", "--run-id", "twice", "--slo", lenient(tmp_path), "Chat"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert_held(done)
    assert (tmp_path / "r.html").stat().st_size > 10_000
    assert counts(done.stdout)["rooms checked"] == 10
    with redis.Redis.from_url(cluster.redis_url("admin")) as client:
        logs = [client.hvals(keys.room_log(f"public:load-twice-{worker}-0")) for worker in (0, 1)]
    users = [{json.loads(entry)["user"] for entry in log} for log in logs]
    assert all(users)
    assert users[0].isdisjoint(users[1])


@pytest.mark.timeout(SECONDS + 30)
def test_a_missed_target_is_printed_and_fails_the_run(cluster: Cluster, tmp_path: Path) -> None:
    done = locust(cluster, "--slo", lenient(tmp_path, '["delivery message"]\np95_ms = -1\n'), "Chat")
    assert "missed: delivery message p95" in done.stdout, done.stdout + done.stderr
    assert done.returncode in (1, 3)


BUSY = """
import time
import gevent
from locust import events
from loadtest.locustfile import *

def burn(**_):
    def work():
        while True:
            end = time.perf_counter() + 0.12
            while time.perf_counter() < end:
                pass
            gevent.sleep(0.001)
    gevent.spawn(work)

events.test_start.add_listener(burn)
"""


@pytest.mark.timeout(SECONDS + 30)
def test_a_saturated_load_generator_prints_a_warning_and_exits_with_3(cluster: Cluster, tmp_path: Path) -> None:
    busy = tmp_path / "busy.py"
    busy.write_text(BUSY)
    done = locust(cluster, "-f", str(busy), "--slo", lenient(tmp_path), "Chat", users=4, run_time="7s")
    assert "this worker is saturated" in done.stderr, done.stdout + done.stderr
    assert "the figures do not count" in done.stdout
    assert done.returncode == 3


@pytest.mark.timeout(SECONDS + 30)
def test_a_planned_drain_causes_no_error_and_no_loss(cluster: Cluster, tmp_path: Path) -> None:
    command = [*LOCUST, "--host", cluster.url, "-u", "20", "-r", "20", "-t", "60s", "--slo", lenient(tmp_path), "Chat"]
    environment = {**os.environ, "ROOMCAST_JWT_SECRET": cluster.jwt_secret}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        wait_until(lambda: connections(cluster) == 20, "all users are connected", SECONDS)
        cluster.restart("gateway1")
        wait_until(lambda: connections(cluster) == 20, "all users are connected again", SECONDS)
        running.send_signal(signal.SIGTERM)
        output, errors = running.communicate(timeout=SECONDS)
    found = counts(output)
    assert found["planned moves"] >= 1, output + errors
    assert found.get("missing", 0) == 0
    assert "error ratio 0.0000" in output, output + errors
    assert row(output, "recovery after a move or drop")[0] == found["planned moves"]
    assert running.returncode in (0, 3)


def connections(cluster: Cluster) -> float:
    """Return the signed-in connections of all gateways."""
    ports = [cluster.ports.gateway_metrics(number) for number in (1, 2)]
    return sum(health.metric(port, "roomcast_gateway_connections") for port in ports)


async def _listen(cluster: Cluster, room: str, load: asyncio.Task[subprocess.CompletedProcess[str]]) -> list[float]:
    """Return the delivery times in ms of a load test's messages, as a python-socketio client measures them."""
    times: list[float] = []
    party = Party(cluster)
    listener = await party.person("listener")
    seen = listener.wire

    def hear(event: str, payload: dict[str, object]) -> None:
        sent = texts.sent_at(RUN_ID, str(payload.get("text") or "")) if event == "message" else None
        if sent is not None:
            times.append((time.time() - sent) * 1000)

    await seen.close()
    await seen.open(cluster.url, sign(cluster.jwt_secret, "independent"), (), hear)
    await seen.call("room:join", {"room": room}, 5.0)
    await load
    await party.close()
    return times


@pytest.mark.timeout(SECONDS + 30)
async def test_latencies_of_locust_are_at_most_twice_those_of_an_independent_client(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The independent client listens in the same room at the same time, in its own event loop."""
    options = ("--run-id", RUN_ID, "--room-users", "20", "--slo", lenient(tmp_path), "Chat")
    load = asyncio.create_task(asyncio.to_thread(locust, cluster, *options, users=20, run_time="10s"))
    times = await _listen(cluster, f"public:load-{RUN_ID}-0-0", load)
    done = load.result()
    own = row(done.stdout, "delivery message")
    assert len(times) > 50, done.stdout + done.stderr
    independent = {share: percentile(dict.fromkeys(times, 1), share) for share in (0.5, 0.95)}
    assert own[3] <= 2 * independent[0.5] + 5
    assert own[4] <= 2 * independent[0.95] + 10


@pytest.mark.timeout(SECONDS + 30)
def test_scenarios_run_without_errors_with_tokens_from_a_file(cluster: Cluster, tmp_path: Path) -> None:
    names = [
        "PresenceAndTyping",
        "HistoryAndRecovery",
        "Media",
        "ReconnectStorm",
        "SlowClients",
        "IdleConnections",
        "Mixed",
    ]
    file = tmp_path / "tokens"
    file.write_text("\n".join(sign(cluster.jwt_secret, f"file-{number}") for number in range(28)))
    done = locust(
        cluster,
        "--token-file",
        str(file),
        "--storm-seconds",
        "4",
        "--slo",
        lenient(tmp_path),
        *names,
        users=28,
        run_time="12s",
    )
    assert "error:" not in done.stdout, done.stdout + done.stderr
    assert_held(done)
    for title in ("storage POST", "recovery after a move or drop", "ack presence:query", "delivery typing"):
        assert row(done.stdout, title)[0] > 0


@pytest.mark.parametrize(
    ("url", "words"),
    [("http://localhost:1", "load: nothing answers at http://localhost:1"), ("ftp://x", "is not an http(s) address")],
)
def test_a_missing_cluster_is_reported_in_one_line(url: str, words: str) -> None:
    command = [sys.executable, "-m", "loadtest.load", "--url", url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
