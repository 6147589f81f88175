"""Killed processes of a cluster restart; a stopped cluster leaves no process, and keeps its stored data."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
import redis

from deploy.cluster import Cluster, free_base
from deploy.control import NotRunning
from deploy.layout import ROOT
from roomcast.contract import keys
from tests import servers

EVERYTHING = ["gateway1", "gateway2", "nginx", "redis", "s3", "signer1", "sweeper1"]


@pytest.mark.parametrize("name", ["gateway2", "sweeper1", "signer1", "nginx", "s3", "redis"])
def test_a_killed_process_restarts_and_is_ready(cluster: Cluster, name: str) -> None:
    pid = cluster.kill(name)
    assert cluster.wait_replaced(name, pid) != pid
    cluster.wait_ready()
    assert sorted(cluster.pids()) == EVERYTHING


def test_restart_replaces_a_process(cluster: Cluster) -> None:
    before = cluster.pids()["gateway2"]
    cluster.restart("gateway2")
    assert cluster.pids()["gateway2"] != before


def test_a_roll_restarts_all_gateways_and_no_other_process(cluster: Cluster) -> None:
    before = cluster.pids()
    command = [sys.executable, "-m", "deploy", "--state", str(cluster.state), "roll"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["gateway1", "gateway2"]
    after = cluster.pids()
    assert {name for name in EVERYTHING if before[name] != after[name]} == {"gateway1", "gateway2"}


def test_the_command_line_prints_status_and_environment_and_refuses_impossible_commands(cluster: Cluster) -> None:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        full = [sys.executable, "-m", "deploy", "--state", str(cluster.state), *words]
        return subprocess.run(full, cwd=ROOT, capture_output=True, text=True, check=False)

    lines = command("status").stdout.splitlines()
    assert lines[0].split() == ["process", "pid", "port", "metrics", "ready", "uptime"]
    assert sorted(line.split()[0] for line in lines[1:]) == EVERYTHING
    assert {line.split()[4] for line in lines[1:]} == {"yes"}
    assert f"export ROOMCAST_URL={cluster.url}" in command("env").stdout
    again = command("run", "--port", str(cluster.ports.page))
    assert again.returncode == 1
    assert again.stderr.startswith("roomcast: a cluster of this folder runs already")
    assert command("scale", "17").stderr == "roomcast: gateways must be from 0 to 16\n"


@pytest.mark.parametrize("account", ["gateway", "presence", "media", "backend"])
@pytest.mark.parametrize(
    "words", [("CONFIG", "GET", "*"), ("FLUSHALL",), ("KEYS", "*"), ("GET", "stranger"), ("ACL", "LIST")]
)
def test_redis_refuses_administrative_commands_and_keys_outside_the_rights_of_an_account(
    cluster: Cluster, account: str, words: tuple[str, ...]
) -> None:
    with redis.Redis.from_url(cluster.redis_url(account)) as client:
        assert client.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*words)


def test_redis_refuses_a_client_without_a_password(cluster: Cluster) -> None:
    with redis.Redis(port=cluster.ports.redis) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_no_process_sends_a_command_that_its_account_may_not_send(cluster: Cluster) -> None:
    """Redis logs no refused command while the processes start and work."""
    with redis.Redis.from_url(cluster.redis_url(), decode_responses=True) as client:
        client.acl_log_reset()
        for name in ("gateway1", "sweeper1", "signer1"):
            cluster.wait_replaced(name, cluster.kill(name))
        assert client.acl_log() == []


def test_a_stop_keeps_all_data_and_leaves_no_process(tmp_path: Path, small_page: Path) -> None:
    log = keys.room_log("public:lobby")
    with Cluster(free_base(), tmp_path, page=small_page) as cluster:
        pids = list(cluster.pids().values())
        with redis.Redis.from_url(cluster.redis_url("gateway")) as client, client.pipeline(transaction=True) as pipe:
            pipe.hset(log, "1", "kept")  # Redis checks an account's rights when it replays a transaction at its start
            pipe.execute()
        password = urlsplit(cluster.redis_url()).password
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert "bye bye" in cluster.log("redis")
    with pytest.raises(NotRunning):
        cluster.pids()
    with Cluster(free_base(), tmp_path, page=small_page) as again:  # another test may use the old ports
        assert urlsplit(again.redis_url()).password == password
        with redis.Redis.from_url(again.redis_url()) as client:
            assert client.hgetall(log) == {b"1": b"kept"}


def test_all_processes_end_when_the_supervisor_is_killed(tmp_path: Path, small_page: Path) -> None:
    with Cluster(free_base(), tmp_path, page=small_page) as cluster:
        family = psutil.Process(cluster.control.pid).children(recursive=True)
        assert len(family) >= len(EVERYTHING)
        os.kill(cluster.control.pid, signal.SIGKILL)
        servers.wait_until(lambda: not any(alive(child) for child in family), "all children have ended")


def alive(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def test_all_processes_end_when_the_test_process_is_killed(tmp_path: Path, small_page: Path) -> None:
    script = (
        "import signal, sys; from pathlib import Path; from deploy.cluster import Cluster\n"
        "with Cluster(int(sys.argv[1]), Path(sys.argv[2]), page=Path(sys.argv[3])) as cluster:\n"
        "    print(cluster.control.pid, flush=True); signal.pause()\n"
    )
    arguments = [sys.executable, "-c", script, str(free_base()), str(tmp_path), str(small_page)]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as tests:
        assert tests.stdout is not None
        supervisor = psutil.Process(int(tests.stdout.readline()))
        family = [supervisor, *supervisor.children(recursive=True)]
        tests.kill()
        servers.wait_until(
            lambda: not any(alive(process) for process in family), "all processes of the cluster have ended"
        )
    assert "bye bye" in (tmp_path / "logs" / "redis.log").read_text()


def test_a_taken_port_fails_the_start_with_one_line(tmp_path: Path, small_page: Path, cluster: Cluster) -> None:
    arguments = ["--state", str(tmp_path), "run", "--port", str(cluster.ports.page), "--page", str(small_page)]
    done = subprocess.run(
        [sys.executable, "-m", "deploy", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"roomcast: port {cluster.ports.page} (the page) is taken by another program: "
        "stop it, or choose another base: make run PORT=9080\n"
    )
