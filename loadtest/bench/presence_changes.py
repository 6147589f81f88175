"""Measure how soon a change of presence reaches a watching client on another gateway: paced, and in a burst (*storm*).

A hundred users are connected to the first gateway, and one client on the second gateway watches all of them. All
clients run in this process, so that one clock gives the send time and the arrival time of a change.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import socketio
import uvloop

from loadtest.bench.measure import Span
from loadtest.bench.processes import BenchError, Processes
from loadtest.peers.interface import Peer, Running
from roomcast.contract.tokens import sign

PEOPLE: Final = 100
CHANGES: Final = 500
STORM_ROUNDS: Final = 20
_PAUSE_SECONDS: Final = 0.05
_SETTLE_SECONDS: Final = 2.5
_LOST_SECONDS: Final = 10.0

Clients = dict[str, socketio.AsyncClient]
"""The clients of the watched users, by user id."""


def changes(peer: Peer, folder: Path, _: Span) -> dict[str, float]:
    """Measure 500 changes at about twenty a second, then 2,000 changes without a pause."""
    with Processes(folder) as processes:
        redis_port, _redis_pid = processes.redis()
        running = peer.start(processes, redis_port, 2)
        return uvloop.run(_with_clients(running, _measure))


class _Watcher:
    """The latest note of each person that the watching client received, and the arrival times of awaited notes."""

    def __init__(self) -> None:
        self.io = socketio.AsyncClient(reconnection=False)
        self.notes: dict[str, str] = {}
        self.events = 0
        self._wanted: dict[tuple[str, str], asyncio.Future[float]] = {}
        self.io.on("presence", self._take)

    async def _take(self, event: dict[str, Any]) -> None:
        arrived = time.perf_counter()
        self.events += 1
        for change in event["changes"]:
            state = (change["user"], change.get("note", ""))
            self.notes[state[0]] = state[1]
            if (wanted := self._wanted.pop(state, None)) is not None:
                wanted.set_result(arrived)

    def want(self, user: str, note: str) -> asyncio.Future[float]:
        """Return a future of the time at which this note of the user arrives."""
        wanted = self._wanted[user, note] = asyncio.get_running_loop().create_future()
        return wanted


async def _with_clients(
    running: Running, work: Callable[[Clients, _Watcher], Awaitable[dict[str, float]]]
) -> dict[str, float]:
    people = {f"person{number}": socketio.AsyncClient(reconnection=False) for number in range(PEOPLE)}
    watcher = _Watcher()
    try:
        for user, client in people.items():
            await _connect(client, running, 0, user)
        await _connect(watcher.io, running, 1, "watcher")
        await watcher.io.call("presence:watch", {"users": list(people)})
        await asyncio.sleep(_SETTLE_SECONDS)
        return await work(people, watcher)
    finally:
        await asyncio.gather(*(client.disconnect() for client in (watcher.io, *people.values())))


async def _connect(client: socketio.AsyncClient, running: Running, gateway: int, user: str) -> None:
    url = f"http://127.0.0.1:{running.ports[gateway]}"
    await client.connect(url, auth={"token": sign(running.secret, user)}, transports=["websocket"])


async def _measure(people: Clients, watcher: _Watcher) -> dict[str, float]:
    return {**await _paced(people, watcher), **await _storm(people, watcher)}


async def _paced(people: Clients, watcher: _Watcher) -> dict[str, float]:
    """Change the note of one person after the other, with pauses that do not align with the gateways' ticker."""
    chance, users = random.Random(1), list(people)
    started, wanted = [], []
    for number in range(CHANGES):
        user, note = users[number % PEOPLE], f"paced {number}"
        wanted.append(watcher.want(user, note))
        started.append(time.perf_counter())
        await people[user].emit("presence", {"note": note})
        await asyncio.sleep(_PAUSE_SECONDS * (0.5 + chance.random()))
    arrived = await _all_of(wanted)
    latencies = sorted(late - early for early, late in zip(started, arrived, strict=True))
    return {
        "p50_ms": latencies[CHANGES // 2] * 1000,
        "p99_ms": latencies[CHANGES * 99 // 100] * 1000,
        "max_ms": latencies[-1] * 1000,
    }


async def _storm(people: Clients, watcher: _Watcher) -> dict[str, float]:
    """Change the notes of all people twenty times without a pause; wait for the last note of each."""
    before, started = watcher.events, time.perf_counter()
    wanted = [watcher.want(user, f"storm {STORM_ROUNDS - 1}") for user in people]
    for number in range(STORM_ROUNDS):
        await asyncio.gather(*(client.emit("presence", {"note": f"storm {number}"}) for client in people.values()))
    sent = time.perf_counter()
    arrived = await _all_of(wanted)
    return {
        "storm_rate": STORM_ROUNDS * PEOPLE / (sent - started),
        "settled_ms": (max(arrived) - sent) * 1000,
        "storm_events": watcher.events - before,
    }


async def _all_of(wanted: list[asyncio.Future[float]]) -> list[float]:
    """Return the arrival time of each change; raise BenchError when a change does not arrive."""
    try:
        async with asyncio.timeout(_LOST_SECONDS):
            return await asyncio.gather(*wanted)
    except TimeoutError:
        raise BenchError("a change of presence did not arrive") from None
