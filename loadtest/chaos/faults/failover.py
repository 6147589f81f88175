"""Failovers and migrations: Sentinels promote a replica, a replica in Redis Cluster takes over, slots move."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable

import hiredis

from loadtest.chaos.crowd import clock
from loadtest.chaos.fault_tools import CannotRun, Rig
from loadtest.chaos.redis_admin import RedisAdmin, RedisAway
from loadtest.chaos.redis_topologies import SERVICE, Stage
from roomcast.contract import keys

_PROMOTION_SECONDS = 30.0
_MOVED_ROOMS = 6


def _stage(rig: Rig) -> Stage:
    if rig.stage is None:
        raise CannotRun("needs Redis under Sentinel or Redis Cluster")
    return rig.stage


async def sentinel_failover(rig: Rig) -> None:
    """Kill the master: the Sentinels promote a replica."""
    stage = _stage(rig)
    watcher, master = stage.admin("sentinel1"), stage.nodes["master"]

    async def is_promoted() -> bool:
        _, port = await watcher.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
        return int(port) != master

    await _fail_over(rig, "master", is_promoted)


async def cluster_failover(rig: Rig) -> None:
    """Kill one master of the cluster: its replica takes over its slots."""
    stage = _stage(rig)
    survivor = stage.admin("node2")
    mine = await stage.admin("node1").call("CLUSTER", "MYID")

    async def is_promoted() -> bool:
        rows = [line.split() for line in str(await survivor.call("CLUSTER", "NODES")).splitlines()]
        return all("master" not in row[2] or "fail" in row[2] for row in rows if row[0] == mine) and (
            "cluster_state:ok" in str(await survivor.call("CLUSTER", "INFO"))
        )

    await _fail_over(rig, "node1", is_promoted)


async def _fail_over(rig: Rig, victim: str, is_promoted: Callable[[], Awaitable[bool]]) -> None:
    died = clock()
    _stage(rig).processes.signal(victim, signal.SIGKILL)
    while not await _answers(is_promoted) and clock() < died + _PROMOTION_SECONDS:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    promoted = clock()
    _stage(rig).processes.start_again(victim)
    await asyncio.sleep(max(rig.span.after, 12.0))
    await rig.settle()
    rig.figure("a replica promoted after", promoted - died, _PROMOTION_SECONDS)
    rig.report_resumed(promoted, 10.0)
    rig.figure("all rooms have acks again after", _last_room_acked(rig, promoted), 10.0)
    rig.report_answers(died, promoted)
    rig.report_kept(died)


async def _answers(question: Callable[[], Awaitable[bool]]) -> bool:
    try:
        return await question()
    except (RedisAway, hiredis.ReplyError):
        return False


def _last_room_acked(rig: Rig, since: float) -> float:
    """Return the seconds from the promotion until the last room had its first ack."""
    first: dict[str, float] = {}
    for sent in rig.crowd.journal.sent.values():
        if sent.acked_at is not None and sent.acked_at >= since:
            first[sent.room] = min(first.get(sent.room, float("inf")), sent.acked_at - since)
    rooms = {reading.room for reading in rig.crowd.journal.readings}
    return max(first.get(room, float("inf")) for room in rooms)


async def slot_migration(rig: Rig) -> None:
    """Migrate slots of busy rooms from master to master under load."""
    stage = _stage(rig)
    admins = [stage.admin(f"node{number}") for number in (1, 2, 3)]
    rooms = sorted({reading.room for reading in rig.crowd.journal.readings})
    begun = clock()
    for room in rig.random.sample(rooms, min(_MOVED_ROOMS, len(rooms))):
        slot = int(await admins[0].call("CLUSTER", "KEYSLOT", keys.room_channel(room)))
        await _move(admins, slot, rig.random.randrange(2))
        await asyncio.sleep(0.5)
    ended = clock()
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    answers = [answer for answer in rig.crowd.ledger.answers if answer.at >= begun]
    retryable = ("ack", "unavailable", "outcome_unknown", "cut")
    rig.figure("slots moved", min(_MOVED_ROOMS, len(rooms)), None, "")
    rig.figure("errors that are not retryable", sum(one.outcome not in retryable for one in answers), 0, "")
    rig.report_answers(begun, ended)
    rig.report_resumed(ended)
    rig.report_kept(begun)


async def _move(admins: list[RedisAdmin], slot: int, choice: int) -> None:
    """Migrate one slot with its keys from its master to one of the two others."""
    owner = await _owner(admins, slot)
    target = [admin for admin in admins if admin is not owner][choice]
    ids = {id(admin): str(await admin.call("CLUSTER", "MYID")) for admin in admins}
    await target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[id(owner)])
    await owner.call("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[id(target)])
    port = target.target.hosts[0][1]
    while names := await owner.call("CLUSTER", "GETKEYSINSLOT", slot, 100):
        await owner.call("MIGRATE", "127.0.0.1", port, "", 0, 5000, "KEYS", *names, seconds=6.0)
    for admin in (target, owner, *admins):
        await admin.call("CLUSTER", "SETSLOT", slot, "NODE", ids[id(target)])


async def _owner(admins: list[RedisAdmin], slot: int) -> RedisAdmin:
    for first, last, master, *_ in await admins[0].call("CLUSTER", "SLOTS"):
        if first <= slot <= last:
            return next(admin for admin in admins if admin.target.hosts[0][1] == int(master[1]))
    raise CannotRun(f"no master owns slot {slot}")
