"""The load client, a process of its own: `python -m loadtest.bench.load_client '<setup as JSON>'`.

It reads one command per line and answers each with one line of JSON (`{"error": …}` when the command failed):

* `{"do": "connect", "first": i, "count": n, "pids": {group: [pid, …]}}` -> `{seconds, cpu: {group: seconds}}`
* `{"do": "run", "warm": s, "seconds": s, "pids": …}` -> a `Run` as an object
* end of input: abort all sockets and exit
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import uvloop

from loadtest.bench import procfs, stamps, stats
from loadtest.bench.client_connection import JoinError, Link, Meter, Slot
from loadtest.bench.dialects import dialect
from loadtest.bench.workloads import Member, Placement, Workload, gateway_of, member, source_address

CONNECTING_AT_ONCE = 50
JOIN_SECONDS = 20.0
LOST_AFTER_US = 2_000_000
"""Microseconds after which a message that has not reached every member counts as lost."""
WATCH_SECONDS = 0.5


class Setup(msgspec.Struct, frozen=True):
    """The setup of a load client, given on its command line."""

    workload: Workload
    dialect: str
    ports: list[int]
    secret: str = ""
    placement: Placement = "spread"


class Run(msgspec.Struct, frozen=True):
    """Results of one counted span; times in seconds, latencies in milliseconds, CPU in seconds per group."""

    seconds: float
    sent: int
    deliveries: int
    lost: int
    refused: int
    cpu: dict[str, float]
    p50_ms: float
    p99_ms: float
    max_ms: float


Pids = dict[str, list[int]]


class Agent:
    """All connections of one load client, and the commands on them."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._dialect = dialect(setup.dialect, setup.secret)
        self._meter = Meter()
        self._links: list[Link] = []
        self._lost = 0

    async def connect(self, first: int, count: int, pids: Pids) -> dict[str, Any]:
        """Open `count` connections, 50 at a time; return the seconds and the CPU used until all have joined."""
        gate = asyncio.Semaphore(CONNECTING_AT_ONCE)
        before, started = procfs.cpu_of_groups(pids), time.monotonic()
        members = [member(self._setup.workload, index) for index in range(first, first + count)]
        self._links += await asyncio.gather(*(self._open(who, gate) for who in members))
        after = procfs.cpu_of_groups(pids)
        return {"seconds": time.monotonic() - started, "cpu": {group: after[group] - before[group] for group in pids}}

    async def run(self, warm: float, seconds: float, pids: Pids) -> Run:
        """Publish for `warm + seconds`; count deliveries, latencies and CPU during the last `seconds`."""
        pids = {**pids, "client": [os.getpid()]}
        self._meter.active = True
        async with asyncio.TaskGroup() as group:
            load = group.create_task(self._pace() if self._setup.workload.rate else self._keep_windows())
            await asyncio.sleep(warm)
            self._meter.reset()
            self._lost = 0
            before, started = procfs.cpu_of_groups(pids), time.monotonic()
            self._meter.counting = True
            await asyncio.sleep(seconds)
            self._meter.counting = self._meter.active = False
            after, elapsed = procfs.cpu_of_groups(pids), time.monotonic() - started
            load.cancel()
        return self._result(elapsed, {name: after[name] - before[name] for name in pids})

    def close(self) -> None:
        for link in self._links:
            link.close()

    def _result(self, elapsed: float, cpu: dict[str, float]) -> Run:
        meter = self._meter
        p50, p99, top = stats.latency(meter.latencies_us)
        return Run(elapsed, meter.sent, len(meter.latencies_us), self._lost, meter.refused, cpu, p50, p99, top)

    async def _open(self, who: Member, gate: asyncio.Semaphore) -> Link:
        port = self._setup.ports[gateway_of(who, len(self._setup.ports), self._setup.placement)]
        async with gate, asyncio.timeout(JOIN_SECONDS):
            _, link = await asyncio.get_running_loop().create_connection(
                lambda: Link(who, self._dialect, self._meter, f"127.0.0.1:{port}"),
                "127.0.0.1",
                port,
                local_addr=(source_address(who.number), 0),
            )
            await link.joined
        return link

    async def _keep_windows(self) -> None:
        """Start every slot; restart a slot whose message did not reach every member within two seconds."""
        slots = self._make_slots()
        self._meter.slots = {slot.name: slot for slot in slots}
        for slot in slots:
            slot.send()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            late = time.monotonic_ns() // 1000 - LOST_AFTER_US
            for slot in slots:
                if slot.sent_us < late:
                    self._lost += 1
                    slot.send()

    def _make_slots(self) -> list[Slot]:
        """Return one slot per publisher: `window` members of each room, evenly spaced and thus on both gateways."""
        work = self._setup.workload
        stride = work.members // work.window
        places = range(0, stride * work.window, stride)
        chosen = [link for link in self._links if link.who.place in places]
        return [
            Slot(stamps.slot_name(number), link, work.members, work.until == "publisher")
            for number, link in enumerate(chosen)
        ]

    async def _pace(self) -> None:
        """Publish at the workload's rate, round-robin over the rooms and over the members of each room."""
        work = self._setup.workload
        started, count = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - started) * work.rate)
            for number in range(count, due):
                lap, room = divmod(number, work.rooms)
                self._links[room * work.members + lap % work.members].publish(stamps.PACED_SLOT)
            count = max(count, due)
            await asyncio.sleep(max(0.0, started + (count + 1) / work.rate - time.monotonic()))


async def serve(setup: Setup) -> None:
    """Answer commands from standard input until it ends."""
    agent = Agent(setup)
    actions: dict[str, Callable[..., Awaitable[Any]]] = {"connect": agent.connect, "run": agent.run}
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        action = actions[command.pop("do")]
        try:
            answer: Any = await action(**command)
        except (JoinError, OSError, TimeoutError) as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
        sys.stdout.flush()
    agent.close()


if __name__ == "__main__":
    uvloop.run(serve(msgspec.json.decode(sys.argv[1], type=Setup)))
