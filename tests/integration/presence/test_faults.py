"""Presence under faults: a paused or full Redis, and a killed or terminated sweeper process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from redis.exceptions import OutOfMemoryError

from roomcast.contract import keys
from roomcast.contract.errors import RoomcastError
from roomcast.gateway.presence.activity import Activity, Touch
from roomcast.gateway.stores.nodes import NodeStore
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.presence.expiry import Doubt, Verdict
from roomcast.presence.store import PresenceStore as SweeperStore
from roomcast.presence.store import StoreError, connect
from roomcast.presence.sweeper import Sweeper
from roomcast.wire.tasks import TaskSet
from tests import health, servers
from tests.integration.presence.test_store import WINDOWS, Cluster, Recorder, running_cluster
from tests.waiting import until

PAUSED_SECONDS = 4.0
PAUSE_WINDOWS = replace(WINDOWS, grace_seconds=4.0)


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[str]:
    """Run a Redis server that a test may pause; yield its URL."""
    with servers.redis_server(tmp_path) as port:
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def paused(url: str) -> Iterator[None]:
    """Suspend Redis by SIGSTOP during the `with` block."""
    with redis.Redis.from_url(url) as client:
        pid = int(client.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def heartbeats(store: PresenceStore, activity: Activity) -> None:
    """Write heartbeats ten times as often as a gateway. A batch that fails is written again with the next batch."""
    while True:
        for connection in ("c1", "c2"):
            activity.mark_seen(connection)
        batch = activity.take_batch()
        try:
            activity.rewrite_users((await store.write_batch(batch)).unknown)
        except RoomcastError:
            activity.restore_batch(batch)
        await asyncio.sleep(0.1)


@asynccontextmanager
async def sweeping(url: str) -> AsyncIterator[Recorder]:
    recorder, store = Recorder(), SweeperStore(connect(url), PAUSE_WINDOWS)
    sweeper = Sweeper(store, PAUSE_WINDOWS, recorder, token="t", clock=time.monotonic, chance=lambda: 0.5)
    tasks = TaskSet()
    task = tasks.start(sweeper.run(), "sweeper")
    try:
        yield recorder
    finally:
        sweeper.stop()
        await asyncio.wait_for(task, 5)
        await store.close()


async def test_after_a_pause_of_redis_only_users_without_heartbeats_expire(own_redis: str) -> None:
    activity, tasks = Activity(time.monotonic), TaskSet()
    activity.add_connection("c1", "ada")
    activity.add_connection("c2", "bob")
    async with running_cluster(own_redis) as cluster, sweeping(own_redis) as recorder:
        tasks.start(heartbeats(cluster.one, activity), "heartbeats")
        await until(lambda: len(cluster.heard) == 2, "both online")
        await settle(cluster, recorder)
        await cluster.two.touch([Touch("ghost", "c3", "online", "")])
        with paused(own_redis):
            await asyncio.sleep(PAUSED_SECONDS)
        await until(lambda: Doubt.GAP in recorder.doubts, "the gap is noticed")
        await until(lambda: ("ghost", "offline") in statuses(cluster), "the user without heartbeats has expired", 15)
        await tasks.cancel()
        assert recorder.failures > 0
        assert recorder.total_expired == 2  # the users "early" and "ghost"
        assert await cluster.shows("ada", "bob", "ghost") == {"ada": "online", "bob": "online", "ghost": "offline"}
        assert {user for user, status in statuses(cluster) if status == "offline"} == {"early", "ghost"}


def statuses(cluster: Cluster) -> list[tuple[str, str]]:
    """Return each published user and status."""
    return [(row.user, row.status) for row in cluster.heard]


async def settle(cluster: Cluster, recorder: Recorder) -> None:
    """Wait until the first grace period is over: then the user `early`, without heartbeats, has expired."""
    await cluster.two.touch([Touch("early", "c0", "online", "")])
    await until(lambda: ("early", "offline") in statuses(cluster), "the first user has expired", 15)


async def test_a_sweep_delayed_by_a_pause_of_redis_expires_no_user(own_redis: str) -> None:
    async with running_cluster(own_redis) as cluster:
        await cluster.one.touch([Touch("ada", "c1", "online", "")])
        shard = keys.presence_shard("ada")
        await cluster.sweeper.sweep(shard, await cluster.sweeper.read_shard(shard), Verdict(True, 0, None))
        state = (await cluster.sweeper.read_shard(shard))._replace(due=["ada"])
        with paused(own_redis):
            with pytest.raises(StoreError, match="no answer within 1 s"):
                await cluster.sweeper.sweep(shard, state, Verdict(True, 0, None))
            await asyncio.sleep(WINDOWS.online_seconds)
        assert (await cluster.sweeper.read_shard(shard)).due == ["ada"]
        after = await cluster.sweeper.read_shard(shard)
        assert after.mark is not None
        assert after.mark.at_ms <= state.now_ms
        assert await cluster.redis.zscore(keys.presence_seen(shard), "ada") is not None


async def test_with_a_full_redis_live_gateways_do_not_look_dead(own_redis: str) -> None:
    """Redis accepts heartbeats, leases and sweeps without free memory, so no gateway looks dead."""
    activity, tasks = Activity(time.monotonic), TaskSet()
    activity.add_connection("c1", "ada")
    activity.add_connection("c2", "bob")
    async with running_cluster(own_redis) as cluster, sweeping(own_redis) as recorder:
        tasks.start(heartbeats(cluster.one, activity), "heartbeats")
        tasks.start(announcements(cluster.node), "announcements")
        await until(lambda: len(cluster.heard) == 2, "both online")
        await settle(cluster, recorder)
        await cluster.redis.config_set("maxmemory", "1")
        with pytest.raises(OutOfMemoryError):
            await cluster.redis.set("x", "y")
        await cluster.two.touch([Touch("ghost", "c3", "online", "")])
        await until(lambda: ("ghost", "offline") in statuses(cluster), "the user without heartbeats has expired", 15)
        await tasks.cancel()
        assert recorder.dropped == []
        assert recorder.failures == 0
        assert await cluster.shows("ada", "bob") == {"ada": "online", "bob": "online"}


async def announcements(node: NodeStore) -> None:
    """Announce a gateway as alive, five times as often as necessary."""
    while True:
        await node.announce()
        await asyncio.sleep(WINDOWS.node_silence_seconds / 5)


# --- processes --------------------------------------------------------------------------------------------------------


class Process:
    """A process `python -m roomcast.presence`."""

    def __init__(self, url: str, log: Path) -> None:
        self.port = servers.free_port()
        self.log = log
        environment = os.environ | {"ROOMCAST_REDIS_URL": url, "ROOMCAST_METRICS_PORT": str(self.port)}
        with log.open("wb") as sink:
            command = [sys.executable, "-m", "roomcast.presence"]
            self.popen = subprocess.Popen(command, env=environment, stderr=sink, stdout=sink)

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page. The status is 0 while the port is closed."""
        return health.get(self.port, path)

    @property
    def is_ready(self) -> bool:
        return health.is_ready(self.port)

    @property
    def leads(self) -> bool:
        return health.metric(self.port, "roomcast_presence_leader") == 1


@pytest.fixture
def start(tmp_path: Path) -> Iterator[object]:
    """Yield a function that starts a sweeper process. All these processes end with the test."""
    running: list[Process] = []

    def start_one(url: str) -> Process:
        process = Process(url, tmp_path / f"sweeper-{len(running)}.log")
        running.append(process)
        servers.wait_until(lambda: process.is_ready, "the sweeper is ready")
        return process

    yield start_one
    for process in running:
        process.popen.send_signal(signal.SIGCONT)
        process.popen.kill()
        process.popen.wait()


def test_a_killed_sweeper_is_replaced_without_a_new_grace_period(redis_url: str, start) -> None:  # type: ignore[no-untyped-def]
    first = start(redis_url)
    second = start(redis_url)
    servers.wait_until(lambda: first.leads, "the first sweeper leads")
    assert not second.leads
    shard = keys.presence_shard("ghost")
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        at, _ = client.get(keys.presence_mark(shard)).split()
        client.set(keys.presence_mark(shard), f"{at} {at}")  # the first grace period is over
        first.popen.kill()
        killed = time.monotonic()
        client.zadd(keys.presence_seen(shard), {"ghost": time.time() - 100, "ada": time.time()})
        servers.wait_until(lambda: second.leads, "the second sweeper leads", 10)
        servers.wait_until(
            lambda: client.zscore(keys.presence_seen(shard), "ghost") is None,
            "the user without heartbeats has expired",
            10,
        )
        assert time.monotonic() - killed < 10
        assert client.zscore(keys.presence_seen(shard), "ada") is not None


def test_at_sigterm_a_sweeper_releases_the_lease_and_exits_0(redis_url: str, start) -> None:  # type: ignore[no-untyped-def]
    process = start(redis_url)
    servers.wait_until(lambda: process.leads, "the sweeper leads")
    process.popen.terminate()
    assert process.popen.wait(10) == 0
    with redis.Redis.from_url(redis_url) as client:
        assert client.get(keys.PRESENCE_SWEEPER) is None
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    assert [line["event"] for line in lines if line["event"] != "expiry_suspended"] == ["started", "stopped"]


def test_a_paused_redis_makes_a_sweeper_unready_and_sigterm_still_ends_it(own_redis: str, start) -> None:  # type: ignore[no-untyped-def]
    process = start(own_redis)
    with paused(own_redis):
        servers.wait_until(lambda: not process.is_ready, "the sweeper is unready", 10)
        assert process.get("/healthz")[0] == 200
        process.popen.terminate()
        assert process.popen.wait(10) == 0
    assert "Traceback" not in process.log.read_text()


def test_metrics_pass_promtool(redis_url: str, start) -> None:  # type: ignore[no-untyped-def]
    process = start(redis_url)
    servers.wait_until(lambda: process.leads, "the sweeper leads")
    _, text = process.get("/metrics")
    assert health.complaints(text) == ""
    assert "roomcast_presence_passes_total" in text


def test_a_port_in_use_causes_one_error_line(redis_url: str, start) -> None:  # type: ignore[no-untyped-def]
    process = start(redis_url)
    environment = os.environ | {"ROOMCAST_REDIS_URL": redis_url, "ROOMCAST_METRICS_PORT": str(process.port)}
    second = subprocess.run(
        [sys.executable, "-m", "roomcast.presence"], env=environment, capture_output=True, timeout=20
    )
    assert second.returncode == 1
    (line,) = second.stderr.decode().splitlines()
    assert line.startswith("roomcast presence: cannot listen: ")
    assert str(process.port) in line


def test_a_redis_that_may_evict_keys_is_logged_once(own_redis: str, start) -> None:  # type: ignore[no-untyped-def]
    with redis.Redis.from_url(own_redis) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    process = start(own_redis)
    servers.wait_until(lambda: "allkeys-lru" in process.log.read_text(), "the warning")
    assert process.log.read_text().count("maxmemory-policy") == 1
