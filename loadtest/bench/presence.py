"""Measure presence: the cost of a heartbeat without its frame and ack, and how long a sweep blocks Redis.

Both measurements run parts of the gateway and the sweeper in this process, on a real Redis.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import uvloop

from loadtest.bench import procfs
from loadtest.bench.measure import MICRO, Span
from loadtest.bench.processes import BenchError, Processes
from loadtest.peers.interface import Peer
from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.contract import keys
from roomcast.contract.lua import SCRIPTS
from roomcast.contract.redis_client import make_client
from roomcast.gateway.presence.activity import Activity
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.presence.expiry import Windows, judge
from roomcast.presence.store import PresenceStore as SweeperStore
from roomcast.presence.store import connect
from roomcast.wire.redis_url import parse

CONNECTIONS: Final = 10_000
ROUNDS: Final = 5
EXPIRED: Final = 100_000
_ROUND_SECONDS: Final = 1.1
_SILENT_SECONDS: Final = 100
_CHUNK: Final = 1_000
_LOG_SECONDS: Final = 60.0
_LOGGED: Final = 100_000
"""Maximum number of entries in Redis's slow log, which records the commands over 0.1 ms."""


def heartbeat(_: Peer, folder: Path, span: Span) -> dict[str, float]:
    """Measure the heartbeats of 10,000 connections within one second, five times."""
    return _on_redis(folder, _heartbeats)


def sweep(_: Peer, folder: Path, span: Span) -> dict[str, float]:
    """Measure the expiry of 100,000 users whose window ended at the same moment."""
    return _on_redis(folder, _sweep)


def _on_redis(folder: Path, work: Any) -> dict[str, float]:
    with Processes(folder) as processes:
        port, pid = processes.redis("--slowlog-log-slower-than", "100", "--slowlog-max-len", str(_LOGGED))
        coroutine: Coroutine[Any, Any, dict[str, float]] = work(f"redis://127.0.0.1:{port}/0", pid)
        return uvloop.run(coroutine)


async def _heartbeats(url: str, redis_pid: int) -> dict[str, float]:
    backplane = make_backplane(url, name="bench", scripts=SCRIPTS)
    backplane.start()
    await backplane.wait_up()
    activity, store = Activity(time.monotonic), PresenceStore(backplane, "1", "bench")
    sids = [f"g1.connection-{number}" for number in range(CONNECTIONS)]
    for number, sid in enumerate(sids):
        activity.add_connection(sid, f"user-{number}")
    while activity.is_urgent:
        await store.write_batch(activity.take_batch())
    own = redis = 0.0
    for _ in range(ROUNDS):
        await asyncio.sleep(_ROUND_SECONDS)  # in a new second: presence scores are whole seconds
        spent, redis_spent = time.thread_time(), procfs.run_seconds(redis_pid)
        for sid in sids:
            activity.mark_seen(sid)
            activity.set_status(sid, "online", None)
        while batch := activity.take_batch():
            if (await store.write_batch(batch)).unknown:
                raise BenchError("Redis has lost presence that was just written")
        own += time.thread_time() - spent
        redis += procfs.run_seconds(redis_pid) - redis_spent
    await backplane.close()
    count = ROUNDS * CONNECTIONS
    return {"heartbeat_us": own / count * MICRO, "redis_heartbeat_us": redis / count * MICRO}


async def _sweep(url: str, _: int) -> dict[str, float]:
    users = [f"user-{number}" for number in range(EXPIRED)]
    backplane = make_backplane(url, name="bench", scripts=SCRIPTS)
    backplane.start()
    await backplane.wait_up()
    activity, store = Activity(time.monotonic), PresenceStore(backplane, "1", "bench")
    for user in users:
        activity.add_connection(f"g1.{user}", user)
    while activity.is_urgent:
        await store.write_batch(activity.take_batch())
    await backplane.close()
    await silenced(url, users)
    return await swept(url, EXPIRED)


async def silenced(url: str, users: Sequence[str]) -> None:
    """Set the last sign of life of these users to a time before the presence window."""
    client = connect(url)
    silent, shards = int(time.time()) - _SILENT_SECONDS, by_shard(users)
    for shard, members in shards.items():
        for start in range(0, len(members), _CHUNK):
            scores = dict.fromkeys(members[start : start + _CHUNK], silent)
            await client.zadd(keys.presence_seen(shard), scores, xx=True)
    await client.aclose()


def by_shard(users: Iterable[str]) -> dict[int, list[str]]:
    """Return the users of each shard."""
    shards: dict[int, list[str]] = {}
    for user in users:
        shards.setdefault(keys.presence_shard(user), []).append(user)
    return shards


async def swept(url: str, count: int) -> dict[str, float]:
    """Expire `count` users whose window has ended; raise BenchError when another number of users expires."""
    windows = Windows(grace_seconds=0.0)
    store = SweeperStore(connect(url), windows)
    for shard in range(keys.PRESENCE_SHARDS):  # the first step only writes the sweeper's mark
        state = await store.read_shard(shard)
        await store.sweep(shard, state._replace(due=[]), judge(state.now_ms, state.mark, windows))
    log = make_client(parse(url), socket_timeout=_LOG_SECONDS)
    await log.slowlog_reset()
    started, expired, steps = time.perf_counter(), 0, 0
    for shard in range(keys.PRESENCE_SHARDS):
        while (state := await store.read_shard(shard)).due:
            expired += await store.sweep(shard, state, judge(state.now_ms, state.mark, windows))
            steps += 1
    seconds = time.perf_counter() - started
    if expired != count:
        raise BenchError(f"{expired} users expired, not {count}")
    entries = await log.slowlog_get(_LOGGED)
    holds = sorted((row["duration"] / 1000 for row in entries if row["command"].startswith(b"EVALSHA")), reverse=True)
    await log.aclose()
    await store.close()
    beyond = min(steps // 100, len(holds) - 1)
    return {"hold_ms": holds[0], "hold_p99_ms": holds[beyond], "sweep_us": seconds / expired * MICRO}
