"""Faults of clients: one stops reading, another stops answering."""

from __future__ import annotations

import asyncio
from typing import Any

from loadtest.chaos import gauges
from loadtest.chaos.client_connection import Wire, open_wire
from loadtest.chaos.crowd import clock
from loadtest.chaos.fault_tools import Rig
from roomcast.contract.tokens import sign
from roomcast.wire.tasks import TaskSet

_TEXT_BYTES = 16_000
_WRITERS = 4
_PER_WRITER = 40.0
_ENDED = "roomcast_gateway_disconnects_total"
_HELD = "roomcast_gateway_slow_client_bytes"


async def slow_consumer(rig: Rig) -> None:
    """Let one client of a busy room stop reading: the gateway must disconnect it, and buffer little for it."""
    before, pids = await rig.metrics(), await rig.pids()
    room = f"public:slow-{rig.random.randrange(16**6):06x}"
    tasks = TaskSet()
    writers = [await _guest(rig, f"writer{n}", room) for n in range(_WRITERS)]
    await asyncio.sleep(1.0)
    empty = rig.memory(pids)
    slow = await _guest(rig, "slow", room)
    for number, wire in enumerate(writers):
        tasks.start(_flood(wire, room, number), "flood")
    flooded = clock()
    await asyncio.sleep(3.0)
    slow.pause()
    begun = clock()
    rig.steady = (flooded, begun)  # compare with the flood before the pause: the flood alone adds latency
    peak, cut_at = 0, float("inf")
    while clock() - begun < 60.0 and cut_at == float("inf"):
        await asyncio.sleep(0.2)
        now = rig.memory(pids)
        peak = max(peak, *(now[name] - empty[name] for name in rig.gateways))
        if await _slow_ones(rig) > _slow_in(before):
            cut_at = clock() - begun
    await tasks.cancel()
    ended = clock()
    for wire in (*writers, slow):
        wire.abort("done")
    rig.figure("slow client disconnected after", cut_at, 10.0)
    rig.figure("unsent data of the slow client at its disconnect", await _most_held(rig) / 2**20, 2.0, "MiB")
    rig.figure("largest growth of a gateway's memory", peak / 2**20, None, "MiB")
    rig.figure("slow clients disconnected", await _slow_ones(rig) - _slow_in(before), 1, "", at_least=True)
    rig.report_p99(rig.crowd.people, begun, ended)
    rig.report_kept(begun)


async def _guest(rig: Rig, name: str, room: str) -> Wire:
    def heard(event: str, payload: Any) -> None:
        """Ignore all events."""

    wire = await open_wire("127.0.0.1", rig.cluster.ports.page, "127.0.0.1", heard)
    await wire.sign_in(sign(rig.cluster.jwt_secret, f"guest.{name}"))
    await wire.call("room:join", {"room": room}, 8.0)
    return wire


async def _flood(wire: Wire, room: str, number: int) -> None:
    count = 0
    while not wire.lost.done():
        count += 1
        await wire.call("message:send", {"room": room, "id": f"{number}-{count}", "text": "x" * _TEXT_BYTES}, 8.0)
        await asyncio.sleep(1 / _PER_WRITER)


async def _slow_ones(rig: Rig) -> float:
    return _slow_in(await rig.metrics())


async def _most_held(rig: Rig) -> float:
    """Return the most bytes that a gateway had buffered for a slow client when it cut the client off."""
    return max(gauges.total(page, _HELD) for page in (await rig.metrics()).values())


def _slow_in(pages: dict[str, dict[str, float]]) -> float:
    return sum(gauges.total(page, f'{_ENDED}{{reason="slow client"}}') for page in pages.values())


async def half_open(rig: Rig) -> None:
    """Let a client stop answering without closing its connection: it must be offline after the ping timeout."""
    wire = await _guest(rig, "halfopen", "public:half-open")
    await asyncio.sleep(2.0)
    wire.pause()
    went = clock()
    limit = _PING_SECONDS + _PING_TIMEOUT_SECONDS + 5.0
    offline = float("inf")
    while clock() - went < limit + 10.0:
        answer = await rig.ask("presence:query", {"users": ["guest.halfopen"]})
        if answer["ok"] and answer["users"]["guest.halfopen"]["status"] == "offline":
            offline = clock() - went
            break
        await asyncio.sleep(0.2)
    wire.abort("done")
    rig.figure("vanished client shown offline after", offline, limit)


_PING_SECONDS = 8.0
_PING_TIMEOUT_SECONDS = 4.0
HALF_OPEN_ENV = {
    "ROOMCAST_PING_SECONDS": str(_PING_SECONDS),
    "ROOMCAST_PING_TIMEOUT_SECONDS": str(_PING_TIMEOUT_SECONDS),
}
