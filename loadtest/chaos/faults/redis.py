"""Faults of Redis: kills, lost data, stops, refused writes, and closed connections."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

from loadtest.chaos.crowd import clock
from loadtest.chaos.fault_tools import Rig
from loadtest.chaos.redis_admin import is_gateways_pubsub

_ROUNDS = 4
_ROLLED_BACK_SECONDS = 2.0


async def redis_restart(rig: Rig) -> None:
    """Kill Redis; it restarts with its append-only file."""
    async with rig.watching_readiness() as watch:
        async with rig.redis_crashed() as died:
            await asyncio.sleep(rig.span.held)
        healed = await rig.redis.wait_answers(15.0)
        await asyncio.sleep(rig.span.after)
    rig.figure("all gateways unready after", watch.unready_after(died), 2.0)
    rig.report_answers(died, healed)
    rig.report_resumed(healed)
    rig.report_kept(died)
    await rig.settle()


async def redis_empty(rig: Rig) -> None:
    """Kill Redis; it restarts without any data."""
    async with rig.redis_crashed(_forget) as died:
        await asyncio.sleep(min(3.0, rig.span.held))
    healed = await rig.redis.wait_answers(15.0)
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    rig.report_answers(died, healed)
    rig.report_resumed(healed)
    rig.report_told(died)


def _forget(data: Path) -> None:
    for path in data.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


async def redis_rollback(rig: Rig) -> None:
    """Kill Redis; it restarts with its append-only file cut off in the middle of a command."""
    file = _append_only_file(rig.cluster.state / "redis")
    size = file.stat().st_size
    await asyncio.sleep(_ROLLED_BACK_SECONDS)
    cut = 0

    def truncate(data: Path) -> None:
        nonlocal cut
        cut = file.stat().st_size - size
        with file.open("r+b") as opened:
            opened.truncate(size + min(17, cut))

    async with rig.redis_crashed(truncate) as died:
        await asyncio.sleep(min(2.0, rig.span.held))
    healed = await rig.redis.wait_answers(15.0)
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    rig.figure("append-only file shortened by", cut / 1024, None, "KiB")
    rig.report_answers(died, healed)
    rig.report_resumed(healed)
    rig.report_told(died)


async def redis_restore(rig: Rig) -> None:
    """Kill Redis, and restore it from an older copy of its append-only files: see docs/operations.md."""
    data = rig.cluster.state / "redis"
    backup = rig.cluster.state / "backup"
    await asyncio.to_thread(_back_up, data, backup)
    await asyncio.sleep(_ROLLED_BACK_SECONDS)

    def restore(data: Path) -> None:
        _forget(data)
        shutil.copytree(backup, data, dirs_exist_ok=True)

    async with rig.redis_crashed(restore) as died:
        await asyncio.sleep(min(2.0, rig.span.held))
    healed = await rig.redis.wait_answers(15.0)
    kept = int(await rig.redis.call("DBSIZE"))
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    rig.figure("keys in the backup", kept, 1, "", at_least=True)
    rig.report_answers(died, healed)
    rig.report_resumed(healed)
    rig.report_told(died)


def _back_up(data: Path, backup: Path) -> None:
    """Back up as docs/operations.md says: hard links of all files at one moment, then a copy of them."""
    with tempfile.TemporaryDirectory(dir=data.parent) as frozen:
        shutil.copytree(data / "appendonlydir", Path(frozen) / "appendonlydir", copy_function=os.link)
        shutil.copytree(frozen, backup)


def _append_only_file(data: Path) -> Path:
    """Return the file that Redis appends to: the newest `.incr.aof`."""
    return max((data / "appendonlydir").glob("*.incr.aof"), key=lambda path: int(path.name.split(".")[-3]))


async def redis_sigstop(rig: Rig, seconds: float | None = None) -> None:
    """Stop Redis with SIGSTOP: it accepts connections and does not answer."""
    people = [person for person in rig.crowd.people if person.wire is not None]
    before = await rig.metrics()
    async with rig.watching_readiness() as watch:
        async with rig.stopped("redis") as froze:
            await asyncio.sleep(rig.span.held if seconds is None else seconds)
        thawed = clock()
        await asyncio.sleep(rig.span.after)
    rig.report_lag(before, await rig.metrics())
    rig.report_answers(froze, thawed)
    rig.report_resumed(thawed)
    rig.report_kept(froze)
    rig.figure("all gateways unready after", watch.unready_after(froze), 2.0)
    await rig.settle()
    rig.figure("connected users shown offline", len(await rig.offline(people)), 0, "")


async def redis_sigstop_60(rig: Rig) -> None:
    """Stop Redis for 60 s, the time after which presence without a heartbeat expires."""
    await redis_sigstop(rig, 60.0)


async def client_kill_pubsub(rig: Rig) -> None:
    """Kill the pub/sub connections repeatedly, the last time while the last messages of every room are sent."""
    links = len(rig.gateways)
    slowest = 0.0
    for _ in range(_ROUNDS - 1):
        slowest = max(slowest, await _resubscribed(rig, await _kill_pubsub(rig), links))
        await asyncio.sleep(rig.random.uniform(0.5, 1.5))
    cut = await _kill_pubsub(rig)
    rig.crowd.stop_writing()
    slowest = max(slowest, await _resubscribed(rig, cut, links))
    rig.figure("all gateways subscribed again after", slowest, 2.0)
    rig.figure("last messages delivered within", await rig.crowd.finish(min(15.0, rig.span.finish)), 2.5)
    rig.report_kept(cut)


async def _kill_pubsub(rig: Rig) -> float:
    await rig.redis.call("CLIENT", "KILL", "TYPE", "pubsub")
    return clock()


async def _resubscribed(rig: Rig, since: float, links: int) -> float:
    """Return the seconds until `links` pub/sub connections have subscriptions again; inf after 15 s."""
    while clock() - since < 15.0:
        found = await rig.redis.clients(is_gateways_pubsub)
        if sum(int(row.get("ssub", 0)) > 1 for row in found) >= links:
            return clock() - since
        await asyncio.sleep(0.02)
    return float("inf")


async def pubsub_overflow(rig: Rig) -> None:
    """Publish bursts that exceed the output buffers of the subscribers: Redis cuts their connections."""
    limit = "client-output-buffer-limit"
    kept = (await rig.redis.call("CONFIG", "GET", limit))[1]
    await rig.redis.call("CONFIG", "SET", limit, "pubsub 262144 131072 10")
    try:
        slowest, flooded = 0.0, clock()
        for _ in range(_ROUNDS):
            flooded = clock()
            flood = [("PUBLISH", "control", b"x" * 8192)] * 64
            await rig.redis.pipeline([("MULTI",), *flood, ("EXEC",)])
            slowest = max(slowest, await _resubscribed(rig, flooded, len(rig.gateways)))
            await asyncio.sleep(rig.random.uniform(0.5, 1.5))
    finally:
        await rig.redis.call("CONFIG", "SET", limit, kept)
    rig.crowd.stop_writing()
    rig.figure("all gateways subscribed again after", slowest, 2.0)
    rig.figure("last messages delivered within", await rig.crowd.finish(min(15.0, rig.span.finish)), 2.5)


async def redis_cut_20(rig: Rig) -> None:
    """Cut all Redis connections of the gateways twenty times: no file descriptor may leak."""
    pids = await rig.pids()
    before = rig.files_open(pids)
    begun = clock()
    for _ in range(20):
        await rig.redis.call("CLIENT", "KILL", "USER", "gateway")
        await asyncio.sleep(0.4)
    healed = clock()
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    after = rig.files_open(pids)
    rig.figure(
        "largest change of a gateway's open files",
        max(abs(after[name] - before[name]) for name in rig.gateways),
        5,
        "",
    )
    rig.report_answers(begun, healed)
    rig.report_resumed(healed)
    rig.report_kept(begun)


async def redis_oom(rig: Rig) -> None:
    """Lower `maxmemory` below the memory in use: Redis refuses writes."""
    kept = (await rig.redis.call("CONFIG", "GET", "maxmemory"))[1]
    await rig.redis.call("CONFIG", "SET", "maxmemory", "1mb")
    refused = clock()
    try:
        await asyncio.sleep(rig.span.held / 2)
    finally:
        await rig.redis.call("CONFIG", "SET", "maxmemory", kept)
    await _report_refusals(rig, refused)


async def redis_misconf(rig: Rig) -> None:
    """Make snapshots fail, as with a full disk: Redis refuses writes (MISCONF)."""
    obstacle = rig.cluster.state / "redis" / "dump.rdb"
    obstacle.mkdir()  # Redis cannot rename a snapshot onto a folder
    await rig.redis.call("CONFIG", "SET", "save", "3600 1")
    try:
        await rig.redis.call("BGSAVE")
        await _saved(rig, "err")
        refused = clock()
        await asyncio.sleep(rig.span.held / 2)
    finally:
        obstacle.rmdir()
        await rig.redis.call("BGSAVE")
        await _saved(rig, "ok")
        await rig.redis.call("CONFIG", "SET", "save", "")
    await _report_refusals(rig, refused)


async def _saved(rig: Rig, status: str) -> None:
    deadline = clock() + 10.0
    while (found := await rig.redis.info("persistence"))["rdb_last_bgsave_status"].strip() != status:
        if clock() > deadline:
            raise TimeoutError(f"BGSAVE is {found['rdb_last_bgsave_status']}, not {status}")
        await asyncio.sleep(0.05)


async def _report_refusals(rig: Rig, since: float) -> None:
    healed = clock()
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    answers = [answer for answer in rig.crowd.ledger.answers if since + 0.2 <= answer.at < healed - 0.2]
    rig.figure("sends while Redis refused writes", len(answers), 1, "", at_least=True)
    rig.figure("sends acked while Redis refused writes", sum(answer.outcome == "ack" for answer in answers), 0, "")
    rig.report_answers(since, healed)
    rig.report_resumed(healed)
    rig.report_kept(since)
