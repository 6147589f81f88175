"""Measure the unit costs of presence while a million people are present: in Redis, and in a gateway.

Parts of the gateway and the sweeper run in this process, on a real Redis. A *full state* is the status, note and device
of a user. `docs/performance.md` multiplies the figures by the number of gateways and users.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import uvloop

from loadtest.bench import procfs
from loadtest.bench.measure import MICRO, Span
from loadtest.bench.presence import by_shard, silenced, swept
from loadtest.bench.processes import BenchError, Processes
from loadtest.peers.interface import Peer
from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.backplane_factory import make_backplane
from roomcast.contract import keys
from roomcast.contract.envelope import PresenceChanges, PresenceRow
from roomcast.contract.limits import MAX_WATCHED_USERS
from roomcast.contract.lua import SCRIPTS
from roomcast.gateway.presence.activity import Activity, Touch
from roomcast.gateway.presence.watchers import Deliveries, Watchers
from roomcast.gateway.stores.presence import PresenceStore
from roomcast.presence.expiry import Windows, judge
from roomcast.presence.store import PresenceStore as SweeperStore
from roomcast.presence.store import connect
from roomcast.wire.envelope import Reader, pack

PRESENT: Final = 1_000_000
EXPIRED: Final = 100_000
ENDED: Final = 20_000
CHANGED: Final = 4_000
SUBSCRIBERS: Final = 16
RECEIVED: Final = 50_000
WATCHERS: Final = 1_000
PASSES: Final = 20
REPEATED: Final = 40_000
_AT_ONCE: Final = 800
"""Signs of life a second that a gateway with 10,000 connections writes: about five a minute per connection."""
_REPEATED_AT_ONCE: Final = 80
"""Full states per second that a gateway with 10,000 connections repeats."""
_NOTE_SECONDS: Final = 20
_BYTES: Final = b"used_memory:"


def million(_: Peer, folder: Path, span: Span) -> dict[str, float]:
    """Measure writes, passes of the sweeper, expiry, notes, published changes, and memory, at a million people."""
    with Processes(folder) as processes:
        port, pid = processes.redis("--slowlog-log-slower-than", "100", "--slowlog-max-len", "100000")
        return uvloop.run(_measure(f"redis://127.0.0.1:{port}/0", pid))


class _Rig(NamedTuple):
    url: str
    redis_pid: int
    backplane: Backplane
    store: PresenceStore

    def spent(self) -> tuple[float, float]:
        """Return the CPU seconds that this thread and Redis have used so far."""
        return time.thread_time(), procfs.run_seconds(self.redis_pid)

    async def memory(self) -> int:
        info: bytes = await self.backplane.command("INFO", "memory")
        return int(info.partition(_BYTES)[2].partition(b"\r")[0])


async def _measure(url: str, pid: int) -> dict[str, float]:
    backplane = await _open(url)
    rig = _Rig(url, pid, backplane, PresenceStore(backplane, "1", "bench"))
    try:
        figures = await _entered(rig)
        figures |= await _heartbeats(rig)
        figures |= await _repeats(rig)
        figures |= await _passes(rig)
        figures |= await _changes(rig)
        figures |= await _notes(rig)
        figures |= await _expiry(rig)
        return figures | _receiving() | _watching()
    finally:
        await backplane.close()


async def _open(url: str) -> Backplane:
    backplane = make_backplane(url, name="bench", scripts=SCRIPTS)
    backplane.start()
    await backplane.wait_up()
    return backplane


def _user(number: int) -> str:
    return f"user-{number}"


def _touches(numbers: Iterable[int], status: str = "online", until: int = 0) -> list[Touch]:
    note = "in a meeting" if until else ""
    return [Touch(_user(n), f"g1.{n}", status, note, False, until, "web") for n in numbers]  # type: ignore[arg-type]


async def _entered(rig: _Rig) -> dict[str, float]:
    """Write the full states of a million people who connect."""
    memory, before = await rig.memory(), rig.spent()
    for start in range(0, PRESENT, _AT_ONCE):
        await rig.store.touch(_touches(range(start, min(PRESENT, start + _AT_ONCE))))
    after = rig.spent()
    return {
        "state_us": (after[0] - before[0]) / PRESENT * MICRO,
        "redis_state_us": (after[1] - before[1]) / PRESENT * MICRO,
        "redis_person_bytes": (await rig.memory() - memory) / PRESENT,
    }


async def _heartbeats(rig: _Rig) -> dict[str, float]:
    """Record a sign of life of every user, in the batches of gateways with 10,000 connections."""
    before = rig.spent()
    for start in range(0, PRESENT, _AT_ONCE):
        numbers = range(start, min(PRESENT, start + _AT_ONCE))
        if await rig.store.keep_alive(by_shard(map(_user, numbers))):
            raise BenchError("Redis has lost presence that was just written")
    after = rig.spent()
    return {
        "heartbeat_us": (after[0] - before[0]) / PRESENT * MICRO,
        "redis_heartbeat_us": (after[1] - before[1]) / PRESENT * MICRO,
    }


async def _repeats(rig: _Rig) -> dict[str, float]:
    """Write unchanged full states again, as gateways do every two minutes."""
    before = rig.spent()
    for start in range(0, REPEATED, _REPEATED_AT_ONCE):
        await rig.store.touch(_touches(range(start, start + _REPEATED_AT_ONCE)))
    return {"redis_repeat_us": (rig.spent()[1] - before[1]) / REPEATED * MICRO}


async def _passes(rig: _Rig) -> dict[str, float]:
    """Read all shards as the sweeper does every two seconds, while no user's presence has expired."""
    windows = Windows(grace_seconds=0.0)
    store = SweeperStore(connect(rig.url), windows)
    before, started = rig.spent(), time.perf_counter()
    for _ in range(PASSES):
        for shard in range(keys.PRESENCE_SHARDS):
            state = await store.read_shard(shard)
            await store.sweep(shard, state, judge(state.now_ms, state.mark, windows))
    seconds, after = time.perf_counter() - started, rig.spent()
    await store.close()
    return {"pass_ms": seconds / PASSES * 1000, "redis_pass_us": (after[1] - before[1]) / PASSES * MICRO}


async def _changes(rig: _Rig) -> dict[str, float]:
    """Change one status after the other: without subscribers, and with the subscriptions of sixteen gateways."""
    alone = await _changed(rig, "busy")
    async with AsyncExitStack() as stack:
        for _ in range(SUBSCRIBERS):
            subscriber = await _open(rig.url)
            stack.push_async_callback(subscriber.close)
            await asyncio.gather(*(subscriber.subscribe(keys.presence_channel(n)) for n in range(keys.PRESENCE_SHARDS)))
        published = await _changed(rig, "away")
    return {"redis_change_us": alone, "redis_published_us": (published - alone) / SUBSCRIBERS}


async def _changed(rig: _Rig, status: str) -> float:
    before = rig.spent()
    for start in range(0, CHANGED, keys.PRESENCE_SHARDS):
        rows = _touches(range(start, start + keys.PRESENCE_SHARDS), status)
        await asyncio.gather(*(rig.store.touch([row]) for row in rows))
    return (rig.spent()[1] - before[1]) / CHANGED * MICRO


async def _notes(rig: _Rig) -> dict[str, float]:
    """Let the notes of 20,000 people end in the same moment."""
    windows = Windows()
    store = SweeperStore(connect(rig.url), windows)
    until = (await store.read_shard(0)).now_ms + _NOTE_SECONDS * 1000
    for start in range(0, ENDED, _AT_ONCE):
        await rig.store.touch(_touches(range(start, start + _AT_ONCE), "busy", until))
    wait = until - (await store.read_shard(0)).now_ms
    if wait < 0:
        raise BenchError(f"{ENDED} notes were not written within {_NOTE_SECONDS} s")
    await asyncio.sleep(wait / 1000)
    before, ended = rig.spent(), 0
    for shard in range(keys.PRESENCE_SHARDS):
        while users := (await store.read_shard(shard)).ended:
            ended += await store.end_notes(shard, users)
    after = rig.spent()
    await store.close()
    if ended != ENDED:
        raise BenchError(f"{ended} notes ended, not {ENDED}")
    return {"redis_note_us": (after[1] - before[1]) / ENDED * MICRO}


async def _expiry(rig: _Rig) -> dict[str, float]:
    """Let 100,000 of the people expire at the same moment, after all have given a sign of life."""
    await _heartbeats(rig)
    await silenced(rig.url, [_user(number) for number in range(EXPIRED)])
    before = rig.spent()
    figures = await swept(rig.url, EXPIRED)
    return {**figures, "redis_expiry_us": (rig.spent()[1] - before[1]) / EXPIRED * MICRO}


def _receiving() -> dict[str, float]:
    """Measure the handling of users whom no client of this gateway watches: every gateway receives every change."""
    reader, activity, watchers = Reader(PresenceChanges), Activity(time.monotonic), Watchers(time.monotonic)
    packets = [pack(PresenceChanges([_row(number)])) for number in range(RECEIVED)]
    before = time.thread_time()
    for packet in packets:
        rows = reader.unpack(packet).rows
        watchers.apply_changes(rows)
        activity.find_hidden(rows)
    return {"received_us": (time.thread_time() - before) / RECEIVED * MICRO}


def _watching() -> dict[str, float]:
    """Let 1,000 connections watch 200 users each; change one user after the other, and encode each watcher's packet."""
    watchers, people = Watchers(time.monotonic), 10 * MAX_WATCHED_USERS
    memory = _memory()
    for number in range(WATCHERS):
        first = number * MAX_WATCHED_USERS
        users = [_user((first + place) % people) for place in range(MAX_WATCHED_USERS)]
        watchers.watch(f"g1.{number}", users)
    grown, packets = _memory() - memory, 0
    before = time.thread_time()
    for number in range(people):
        out = Deliveries({}, {})
        watchers.apply_changes([_row(number)])
        watchers.take_change(_user(number), out)
        for changes in out.connections.values():
            orjson.dumps(["presence", {"changes": changes}])
            packets += 1
    spent = time.thread_time() - before
    if packets != WATCHERS * MAX_WATCHED_USERS:
        raise BenchError(f"{packets} packets were made, not {WATCHERS * MAX_WATCHED_USERS}")
    return {"watch_bytes": grown / packets, "watched_us": spent / packets * MICRO}


def _row(number: int) -> PresenceRow:
    return PresenceRow(_user(number), "busy", 1_700_000_000_000, "", 0, [("web", "busy")])


def _memory() -> int:
    gc.collect()
    return procfs.memory_bytes(os.getpid())
