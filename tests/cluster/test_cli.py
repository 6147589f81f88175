"""The operator's command `roomcast` on a running cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import redis
import requests
from click.testing import CliRunner

from deploy.cluster import Cluster
from roomcast.cli.__main__ import main
from tests.cluster.room_clients import LOBBY, Party, Person


class Done(NamedTuple):
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def settings(cluster: Cluster, account: str = "admin") -> dict[str, str]:
    return {"ROOMCAST_REDIS_URL": cluster.redis_url(account), "ROOMCAST_CLUSTER_KEY": cluster.cluster_key}


def run(cluster: Cluster, *arguments: str, account: str = "admin") -> Done:
    """Run a command in a thread, where it can start an event loop. A new process would import all modules again."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(CliRunner().invoke, main, arguments, env=settings(cluster, account)).result()
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


def run_process(cluster: Cluster, *arguments: str) -> Done:
    """Run a command as a shell does."""
    environment = {**os.environ, **settings(cluster)}
    command = [sys.executable, "-m", "roomcast.cli", *arguments]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=30)
    return Done(done.returncode, done.stdout, done.stderr)


def rows(cluster: Cluster, *arguments: str) -> list[dict[str, Any]]:
    """Return the rows that a command prints with `--json`."""
    done = run(cluster, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


@pytest.fixture
async def people(cluster: Cluster) -> AsyncIterator[list[Person]]:
    """Connect two people in the lobby, on different gateways."""
    party = Party(cluster)
    people = await party.apart()
    for person in people:
        await person.join(LOBBY)
        await person.send(f"hello from {person.user}")
    yield people
    await party.close()


async def test_nodes_lists_the_gateways_with_their_connections(cluster: Cluster, people: list[Person]) -> None:
    found = {row["node"]: row for row in rows(cluster, "nodes")}
    assert sorted(found) == ["1", "2"]
    assert {row["alive"] for row in found.values()} == {"yes"}
    assert all(row["connections"] >= 1 for row in found.values())
    table = run_process(cluster, "nodes").stdout.splitlines()
    assert table[0].split() == ["NODE", "ALIVE", "STATE", "CONNECTIONS", "SEEN", "INCARNATION"]
    assert len(table) == 3


async def test_rooms_and_who_show_a_room_and_its_occupants(cluster: Cluster, people: list[Person]) -> None:
    (room,) = rows(cluster, "rooms", "--match", "public:lobby")
    assert (room["room"], room["occupants"]) == (LOBBY, 2)
    assert room["seq"] == room["messages"] >= 2
    found = {row["user"]: row["nodes"] for row in rows(cluster, "who", LOBBY)}
    assert found == {person.user: person.node for person in people}


async def test_sessions_and_presence_show_the_state_of_a_user(cluster: Cluster, people: list[Person]) -> None:
    ada = people[0]
    (session,) = rows(cluster, "sessions", ada.user)
    assert (session["node"], session["kind"], session["status"]) == (ada.node, "", "online")
    shown = rows(cluster, "presence", ada.user, "nobody-of-that-name")
    found = {row["user"]: (row["status"], row["until"], row["devices"]) for row in shown}
    assert found == {ada.user: ("online", "", "? online"), "nobody-of-that-name": ("offline", "", "")}


async def test_publish_logs_a_repeated_id_once_and_tail_prints_the_message(
    cluster: Cluster, people: list[Person]
) -> None:
    (receipt,) = rows(cluster, "publish", LOBBY, "Maintenance at noon", "--user", "ops", "--id", "m-1")
    (again,) = rows(cluster, "publish", LOBBY, "Maintenance at noon", "--user", "ops", "--id", "m-1")
    assert (receipt["duplicate"], again["duplicate"], again["seq"]) == (False, True, receipt["seq"])
    lines = run(cluster, "tail", LOBBY, "--lines", "1", "--no-follow").stdout.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("ops: Maintenance at noon")


async def test_kick_removes_a_client_from_a_room_and_revoke_disconnects_a_user(
    cluster: Cluster, people: list[Person]
) -> None:
    ada, bob = people
    assert run(cluster, "kick", LOBBY, ada.user).returncode == 0
    assert (await ada.expect("room", room=LOBBY, change="removed"))["room"] == LOBBY
    assert run(cluster, "revoke", "--user", bob.user).returncode == 0
    await bob.expect("disconnect")


def test_sizes_shows_the_memory_of_redis_and_the_pending_uploads(cluster: Cluster) -> None:
    found = {row["what"]: row["size"] for row in rows(cluster, "sizes")}
    assert found["memory_limit_bytes"] >= found["memory_bytes"] > 0
    assert found["media_pending"] == 0


def test_doctor_finds_no_fault_in_a_healthy_cluster(cluster: Cluster) -> None:
    found = {row["check"]: row["level"] for row in rows(cluster, "doctor")}
    assert set(found.values()) == {"ok"}
    assert {"url", "accounts", "cordons"} < set(found)


async def test_logs_lists_the_largest_logs_first(cluster: Cluster, people: list[Person]) -> None:
    found = rows(cluster, "logs", "--match", "public:*")
    assert LOBBY in {row["room"] for row in found}
    sizes = [row["memory_bytes"] for row in found]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > 0


def test_doctor_reads_metrics_and_accounts(cluster: Cluster) -> None:
    done = run(cluster, "--json", "doctor", "--process", cluster.metrics_url("gateway1"))
    found = {row["check"]: row for row in json.loads(done.stdout)}
    assert "files" in found[cluster.metrics_url("gateway1")]["seen"]
    assert found["accounts"]["seen"] == "gateway, media, presence"


def test_doctor_names_an_account_that_lacks_a_command(cluster: Cluster) -> None:
    with redis.Redis.from_url(cluster.redis_url("admin")) as client:
        client.execute_command("ACL", "SETUSER", "presence", "-set")
        try:
            done = run(cluster, "--json", "doctor")
        finally:
            client.execute_command("ACL", "SETUSER", "presence", "+set")
    found = {row["check"]: row for row in json.loads(done.stdout)}
    assert (found["accounts"]["level"], done.returncode) == ("error", 1)
    assert "presence: SET" in found["accounts"]["seen"]


def test_doctor_names_an_account_that_cannot_log_in(cluster: Cluster) -> None:
    stranger = redis.Redis(port=cluster.ports.redis, username="media", password="wrong")
    with redis.Redis.from_url(cluster.redis_url("admin")) as client:
        with pytest.raises(redis.exceptions.AuthenticationError):
            stranger.ping()
        found = {row["check"]: row for row in rows(cluster, "doctor")}
        client.acl_log_reset()
    assert found["logins"]["level"] == "warning"
    assert found["logins"]["seen"] == "refused in the last minute: media"


def ready(cluster: Cluster, name: str) -> tuple[int, str]:
    answer = requests.get(cluster.metrics_url(name, "/readyz"), timeout=20)
    return answer.status_code, answer.text


async def test_a_cordoned_gateway_keeps_its_clients_and_gets_no_new_clients(
    cluster: Cluster, people: list[Person]
) -> None:
    held = next(person for person in people if person.node == "1")
    assert run(cluster, "cordon", "1").returncode == 0
    try:
        assert ready(cluster, "gateway1") == (503, "not ready: cordoned\n")
        states = {row["node"]: row["state"] for row in rows(cluster, "nodes")}
        assert states == {"1": "cordoned", "2": "serving"}
        party = Party(cluster)
        fresh = [await party.person(f"fresh-{number}") for number in range(6)]
        assert {person.node for person in fresh} == {"2"}
        await held.send("still here")
        await party.close()
    finally:
        assert run(cluster, "uncordon", "1").returncode == 0
    assert ready(cluster, "gateway1") == (200, "ready\n")


async def test_drain_moves_all_clients_away_without_a_lost_message(cluster: Cluster, people: list[Person]) -> None:
    moved = next(person for person in people if person.node == "2")
    other = next(person for person in people if person is not moved)
    try:
        done = run(cluster, "drain", "2")
        assert done.returncode == 0, done.stderr
        newest = (await other.send("while they move"))["seq"]
        await moved.until(lambda: moved.node == "1", "the client is at the other gateway")
        await moved.until(lambda: newest in moved.log, "the client has the messages sent meanwhile")
        assert {row["node"]: row["connections"] for row in rows(cluster, "nodes")}["2"] == 0
    finally:
        assert run(cluster, "uncordon", "2").returncode == 0


def test_cordon_of_a_missing_gateway_fails(cluster: Cluster) -> None:
    done = run(cluster, "cordon", "77")
    assert done.returncode == 1
    assert "no gateway 77 is alive" in done.stderr


@contextmanager
def configured(cluster: Cluster, name: str, value: str) -> Iterator[None]:
    with redis.Redis.from_url(cluster.redis_url("admin")) as client:
        before = client.config_get(name)[name]
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)


@pytest.mark.parametrize(
    ("name", "value", "check", "level", "status"),
    [
        ("maxmemory-policy", "allkeys-lru", "eviction", "error", 1),
        ("appendonly", "no", "persistence", "error", 1),
        ("maxmemory", "0", "memory", "warning", 0),
        ("client-output-buffer-limit", "pubsub 1mb 1mb 10", "output buffer", "warning", 0),
    ],
)
def test_doctor_reports_a_bad_setting(
    cluster: Cluster, name: str, value: str, check: str, level: str, status: int
) -> None:
    with configured(cluster, name, value):
        done = run(cluster, "--json", "doctor")
    found = {row["check"]: row for row in json.loads(done.stdout)}
    assert (found[check]["level"], done.returncode) == (level, status)
    assert found[check]["advice"]


def test_doctor_reports_the_checks_that_its_account_may_not_make(cluster: Cluster) -> None:
    done = run(cluster, "doctor", account="backend")
    assert "not checked" in done.stdout
    assert "Traceback" not in done.stderr
    assert "use the account `admin`" in run(cluster, "nodes", account="backend").stderr


def test_the_admin_redis_url_takes_precedence_over_the_redis_url(cluster: Cluster) -> None:
    urls = {"ROOMCAST_ADMIN_REDIS_URL": cluster.redis_url("admin"), "ROOMCAST_REDIS_URL": cluster.redis_url("backend")}
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(CliRunner().invoke, main, ["nodes"], env=urls).result()
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("arguments", "url", "status", "said"),
    [
        (("nodes",), None, 2, "the URL of Redis is missing"),
        (("nodes",), "http://localhost", 2, "a Redis URL starts with"),
        (("nodes",), "redis://127.0.0.1:1", 1, "unavailable"),
        (("revoke", "--token", "t", "--issued-before", "7"), "redis://127.0.0.1:1", 2, "--issued-before needs --user"),
        (("revoke",), "redis://127.0.0.1:1", 2, "name one of --user, --token and --session"),
        (("publish", "a room", "text", "--user", "u"), "redis://127.0.0.1:1", 1, "unavailable"),
        (("nonsense",), None, 2, "No such command"),
    ],
)
def test_a_failing_command_prints_its_reason_and_no_traceback(
    arguments: tuple[str, ...], url: str | None, status: int, said: str
) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.endswith("REDIS_URL")}
    environment |= {"ROOMCAST_REDIS_URL": url} if url else {}
    command = [sys.executable, "-m", "roomcast.cli", *arguments]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


async def test_mute_and_ban_succeed_and_ban_disconnects_the_user(cluster: Cluster, people: list[Person]) -> None:
    ada, bob = people
    assert run(cluster, "mute", ada.user, "--room", LOBBY, "--seconds", "60").returncode == 0
    assert run(cluster, "ban", bob.user, "--seconds", "60").returncode == 0
    await bob.expect("disconnect")
    for user in (ada.user, bob.user):
        assert run(cluster, "unmute", user, "--room", LOBBY).returncode == 0
        assert run(cluster, "unban", user).returncode == 0
    assert rows(cluster, "reports") == []


async def test_allow_sets_and_resets_a_daily_allowance(cluster: Cluster) -> None:
    with redis.Redis.from_url(cluster.redis_url("admin"), decode_responses=True) as client:
        assert run(cluster, "allow", "bot", "--bytes", "5000000000", "--rooms", "7", account="backend").returncode == 0
        assert client.hget("user:{bot}:written", "most") == "5000000000"
        assert client.hget("user:{bot}:created", "most") == "7"
        assert run(cluster, "allow", "bot", "--default").returncode == 0
        assert client.exists("user:{bot}:written", "user:{bot}:created") == 0
    assert run(cluster, "allow", "bot").returncode == 2
