"""Faults of gateways: kills, restarts, a wrong clock."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Final

from loadtest.chaos.client_connection import WireLost, open_wire
from loadtest.chaos.crowd import clock, times_back
from loadtest.chaos.exit_codes import Exits
from loadtest.chaos.fault_tools import Rig
from loadtest.chaos.unsupervised import private, wait_ready
from roomcast.contract.tokens import sign

_SKEWED: Final = Path(__file__).resolve().parents[1] / "shifted_clock"


async def kill_gateway(rig: Rig) -> None:
    """Kill one gateway with SIGKILL: its clients move to the other gateways, whose own clients are not affected."""
    name = rig.random.choice(rig.gateways)
    victims = rig.crowd.on_nodes([name.removeprefix("gateway")])
    others = [person for person in rig.crowd.people if person not in set(victims)]
    died = await rig.kill(name)
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    rig.report_back(victims, died)
    rig.report_p99(others, died, min(clock(), died + 15.0))
    await rig.wait_ready(name)


async def kill_gateway_and_redis(rig: Rig) -> None:
    """Kill a gateway and Redis at once; Redis restarts with its append-only file."""
    name = rig.random.choice(rig.gateways)
    victims = rig.crowd.on_nodes([name.removeprefix("gateway")])
    async with rig.redis_crashed() as died:
        await rig.kill(name)
        await asyncio.sleep(rig.span.held)
    healed = await rig.redis.wait_answers(15.0)
    await asyncio.sleep(rig.span.after)
    await rig.settle()
    rig.report_answers(died, healed)
    rig.report_resumed(healed)
    rig.report_back(victims, died, healed)
    await rig.wait_ready()


async def roll(rig: Rig) -> None:
    """Send SIGTERM to one gateway after the other, as in a deployment; the supervisor restarts each."""
    exits = Exits(rig.cluster.state)
    begun = clock()
    connects, failed = rig.crowd.ledger.connects, _failed(rig)
    codes, slowest = [], 0.0
    try:
        for name in rig.gateways:
            pid = (await rig.pids())[name]
            told = await rig.kill(name, signal.SIGTERM)
            codes.append(await exits.code(pid, 20.0))
            slowest = max(slowest, clock() - told)
            await asyncio.to_thread(rig.cluster.wait_replaced, name, pid)
            await rig.settle()
    finally:
        exits.close()
    await asyncio.sleep(rig.span.after)
    rig.figure("gateways that exited with an error", sum(code != 0 for code in codes), 0, "")
    rig.figure("slowest exit of a gateway", slowest, 10.0)
    tried = rig.crowd.ledger.connects - connects
    rig.figure("reconnects", tried, None, "")
    rig.figure("failed connects", 100.0 * (_failed(rig) - failed) / max(1, tried), 0.1, "%")
    times = [change.at for person in rig.crowd.people for change in person.changes if change.at >= begun]
    rig.figure("all clients moved within", max(times, default=begun) - begun, None)


def _failed(rig: Rig) -> int:
    return len(rig.crowd.ledger.failed_connects) + len(rig.crowd.ledger.turned)


async def reconnect_storm(rig: Rig) -> None:
    """Kill all gateways at once: all clients must reconnect, and no process may run out of memory."""
    pids = await rig.pids()
    died = clock()
    for name in rig.gateways:
        os.kill(pids[name], signal.SIGKILL)
    await asyncio.sleep(1.0)  # until every client has noticed the end of its connection
    await rig.settle(60.0)
    await asyncio.sleep(rig.span.after)
    times = times_back(rig.crowd.people, died, died)
    turned = [refusal.wait for at, refusal in rig.crowd.ledger.turned if at >= died and refusal.status in (429, 503)]
    rig.figure("clients disconnected", len(times), len(rig.crowd.people), "", at_least=True)
    rig.figure("last client back after", times[-1] if times else float("inf"), 30.0)
    rig.figure("connects refused with 429 or 503", len(turned), None, "")
    rig.figure("refusals without Retry-After", sum(not wait for wait in turned), 0, "")
    memory = rig.memory(await rig.pids())
    rig.figure("largest memory of a gateway", max(memory.values()) / 2**20, 1024, "MiB")


async def clock_skew(rig: Rig) -> None:
    """Shift one gateway's wall clock by an hour: no presence may end, and all tokens must stay valid."""
    offset = rig.random.choice((-3600, 3600))
    number = len(rig.gateways)
    with private(rig.cluster.state / "logs") as processes:
        await asyncio.to_thread(rig.cluster.scale, number - 1)
        await rig.settle()
        processes.gateway(rig.cluster, number, {"PYTHONPATH": str(_SKEWED), "CHAOS_CLOCK_SECONDS": str(offset)})
        await wait_ready([rig.cluster.metrics_url(f"gateway{number}", "/readyz")])
        begun = clock()
        await rig.kill(rig.gateways[0])  # some of its clients move to the gateway with the shifted clock
        await asyncio.sleep(1.0)
        await rig.settle()
        moved = rig.crowd.on_nodes([str(number)])
        rig.figure("clock shifted by", offset, None)
        rig.figure("clients on the gateway with the shifted clock", len(moved), 1, "", at_least=True)
        evicted: set[str] = set()
        while clock() - begun < max(rig.span.held, 10.0):
            evicted.update(await rig.offline(rig.crowd.people))
            await asyncio.sleep(1.0)
        rig.figure("connected users shown offline", len(evicted), 0, "")
        rig.figure("clients whose token was refused", _refused_tokens(rig, begun), 0, "")
        late = await _signs_in(rig, number, -31.0 - 30.0)
        rig.figure("tokens accepted a minute after their expiry", late, 0, "")
        rig.figure("tokens refused a minute before their expiry", 1 - await _signs_in(rig, number, 60.0), 0, "")
    await asyncio.to_thread(rig.cluster.scale, number)
    await rig.settle()


def _refused_tokens(rig: Rig, since: float) -> int:
    return sum("refused" in error for at, error in rig.crowd.ledger.failed_connects if at >= since)


async def _signs_in(rig: Rig, number: int, seconds: float) -> int:
    """Connect to gateway `number` directly; return 1 if it accepts a token that expires `seconds` from now, else 0."""
    token = sign(rig.cluster.jwt_secret, "skew.probe", seconds=seconds)
    wire = await open_wire("127.0.0.1", rig.cluster.ports.gateway(number), "127.0.0.1", lambda name, payload: None)
    try:
        async with asyncio.timeout(5.0):
            await wire.sign_in(token)
    except (WireLost, TimeoutError):
        return 0
    finally:
        wire.abort("asked")
    return 1
