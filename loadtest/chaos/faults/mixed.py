"""Inject random, overlapping faults for two minutes; then check that all processes run, and are idle without load."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import hiredis
import psutil

from loadtest.chaos.crowd import clock
from loadtest.chaos.fault_tools import Rig
from loadtest.chaos.redis_admin import RedisAway
from roomcast.wire.tasks import TaskSet

INJECTORS: Final = 2
"""Number of concurrent loops that inject faults: two faults may overlap."""

_SUSPENDED_SECONDS: Final = (0.5, 3.0)
_BETWEEN_FAULTS_SECONDS: Final = (0.5, 4.0)
_SPANS: Final = 12
"""Duration of the injection, in multiples of `Span.held`: 120 s by default."""

_MAX_RECOVERY_SECONDS: Final = 30.0
_MORE_IDLE_CPU_PERCENT: Final = 1.0
"""Term in the limit of CPU use without load: twice the use before the faults, plus this percentage of a core."""
_QUIET_SECONDS: Final = 2.0
_IDLE_SPAN_SECONDS: Final = 5.0

Injection = Callable[[Rig], Awaitable[None]]


async def mixed(rig: Rig) -> None:
    """Inject random faults and wait for recovery; check that all processes are ready, and about as idle as before."""
    injected: Counter[str] = Counter()
    tasks = TaskSet()
    idle_before = await _idle_before(rig)
    begun = clock()
    ends = begun + rig.span.held * _SPANS
    for number in range(INJECTORS):
        tasks.start(_inject(rig, ends, injected), f"injector {number}")
    await tasks.wait(ends - begun + 30.0)
    healed = clock()
    await rig.redis.wait_answers(15.0)
    await rig.wait_ready()
    await rig.settle()
    rig.figure("processes ready and clients back within", clock() - healed, _MAX_RECOVERY_SECONDS)
    await asyncio.sleep(rig.span.after)
    await rig.crowd.finish(rig.span.finish)
    name, percent = await _busiest(rig)
    rig.figure("CPU of the busiest process without load, before the faults", idle_before, None, "%")
    rig.figure(
        "CPU of the busiest process without load, after the faults",
        percent,
        2 * idle_before + _MORE_IDLE_CPU_PERCENT,
        "%",
    )
    rig.notes.append(f"busiest process without load, after the faults: {name}")
    rig.figure("faults injected", sum(injected.values()), 10, "", at_least=True)
    rig.notes.append("injected: " + ", ".join(f"{count} {name}" for name, count in sorted(injected.items())))
    answers = [answer for answer in rig.crowd.ledger.answers if answer.at >= begun]
    rig.figure("sends that did not time out", sum(answer.outcome != "timeout" for answer in answers), None, "")


async def _inject(rig: Rig, ends: float, injected: Counter[str]) -> None:
    while clock() < ends:
        name = rig.random.choice(sorted(INJECTIONS))
        try:
            await INJECTIONS[name](rig)
        except (OSError, KeyError, RedisAway, hiredis.ReplyError):
            pass  # the other injector has just stopped the target, so this fault is not counted
        else:
            injected[name] += 1
        await asyncio.sleep(rig.random.uniform(*_BETWEEN_FAULTS_SECONDS))


def _gateway(rig: Rig) -> str:
    return rig.random.choice(rig.gateways)


async def _kill_gateway(rig: Rig) -> None:
    await rig.kill(_gateway(rig))


async def _end_gateway(rig: Rig) -> None:
    await rig.kill(_gateway(rig), signal.SIGTERM)


async def _kill_redis(rig: Rig) -> None:
    await rig.kill("redis")


async def _kill_sweeper_or_signer(rig: Rig) -> None:
    await rig.kill(rig.random.choice(("sweeper1", "signer1")))


async def _pause_gateway(rig: Rig) -> None:
    await _pause(rig, _gateway(rig))


async def _pause_redis(rig: Rig) -> None:
    await _pause(rig, "redis")


async def _pause(rig: Rig, name: str) -> None:
    """Stop a process for a moment with SIGSTOP; the other injector may kill it meanwhile."""
    pid = (await rig.pids())[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(rig.random.uniform(*_SUSPENDED_SECONDS))
    finally:
        os.kill(pid, signal.SIGCONT)


async def _cut_redis(rig: Rig) -> None:
    await rig.redis.call("CLIENT", "KILL", "USER", "gateway")


async def _cut_pubsub(rig: Rig) -> None:
    await rig.redis.call("CLIENT", "KILL", "TYPE", "pubsub")


async def _flush_scripts(rig: Rig) -> None:
    await rig.redis.call("SCRIPT", "FLUSH")


async def _reload_nginx(rig: Rig) -> None:
    await rig.kill("nginx", signal.SIGHUP)


INJECTIONS: Final[dict[str, Injection]] = {
    "kill a gateway": _kill_gateway,
    "SIGTERM to a gateway": _end_gateway,
    "kill Redis": _kill_redis,
    "kill sweeper or signer": _kill_sweeper_or_signer,
    "pause a gateway": _pause_gateway,
    "pause Redis": _pause_redis,
    "cut Redis connections": _cut_redis,
    "cut subscriptions": _cut_pubsub,
    "flush scripts": _flush_scripts,
    "reload nginx": _reload_nginx,
}


async def _idle_before(rig: Rig) -> float:
    """Pause the load; return the percentage of a core that the busiest process uses for the connected clients."""
    rig.crowd.stop_writing()
    await asyncio.sleep(_QUIET_SECONDS)
    _, percent = await _busiest(rig)
    rig.crowd.write()
    return percent


async def _busiest(rig: Rig) -> tuple[str, float]:
    """Return the gateway, sweeper or signer that uses the most CPU without load, and its percentage of a core."""
    pids = {name: pid for name, pid in (await rig.pids()).items() if name.startswith(("gateway", "sweeper", "signer"))}
    before = {name: _cpu_seconds(pid) for name, pid in pids.items()}
    await asyncio.sleep(_IDLE_SPAN_SECONDS)
    spent = {name: _cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    name = max(spent, key=lambda each: spent[each])
    return name, 100 * spent[name] / _IDLE_SPAN_SECONDS


def _cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system
