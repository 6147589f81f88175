"""Run one experiment: start a cluster, inject the fault under load, and judge the journal of the clients."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import uvloop

from deploy.cluster import Cluster, ClusterFailed, free_base
from loadtest.chaos import checker
from loadtest.chaos.catalogue import Fault
from loadtest.chaos.checker import Verdict
from loadtest.chaos.crowd import Crowd, NotReached, Size, clock
from loadtest.chaos.fault_tools import CannotRun, Rig, Span
from loadtest.chaos.figures import Figure
from loadtest.chaos.redis_admin import RedisAdmin, RedisAway
from loadtest.chaos.redis_topologies import Stage

_WARM_SECONDS = 1.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of a run: its load, its times, the seed, and the durability level."""

    size: Size = field(default_factory=Size)
    span: Span = field(default_factory=Span)
    seed: int = 1
    level: str = "everysec"


@dataclass(slots=True)
class Result:
    """The outcome of one run. Without `verdict`, `not_run` says why it did not start, or `broke` why it ended early."""

    fault: str
    title: str
    plan: Plan
    seconds: float = 0.0
    verdict: Verdict | None = None
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_run: str = ""
    broke: str = ""

    @property
    def failures(self) -> list[str]:
        """Return one sentence per kind of violation and per missed limit, or the reason why the run ended early."""
        if self.verdict is None:
            return [self.broke] if self.broke else []
        return [*self.verdict.failures, *(str(figure) for figure in self.figures if not figure.holds)]

    @property
    def passed(self) -> bool:
        return self.verdict is not None and not self.failures


def run_alone(fault: Fault, plan: Plan, say: Say) -> Result:
    """Run an experiment on a cluster of its own, and stop that cluster afterwards. Call this in the main thread."""
    if reason := _reason_against(fault, plan):
        return Result(fault.name, fault.title, plan, not_run=reason)
    try:
        with ExitStack() as stack:
            cluster = stack.enter_context(own_cluster(fault))
            stage = stack.enter_context(fault.stage(cluster, plan.level)) if fault.stage else None
            return run_on(cluster, fault, plan, say, stage)
    except (ClusterFailed, NotReached) as error:
        return Result(fault.name, fault.title, plan, broke=f"the cluster did not start or stop: {error}")


def _reason_against(fault: Fault, plan: Plan) -> str:
    return "" if plan.level in (*fault.levels, *fault.also) else f"not defined at the durability level {plan.level}"


@contextmanager
def own_cluster(fault: Fault, env: dict[str, str] | None = None) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="roomcast-chaos-") as folder:
        page = Path(folder) / "page"
        page.mkdir()
        (page / "index.html").write_text("<!doctype html><title>Roomcast</title>")
        with Cluster(
            free_base(),
            Path(folder) / "state",
            gateways=0 if fault.stage else fault.gateways,
            sweepers=0 if fault.stage else fault.sweepers,
            signers=0 if fault.stage else fault.signers,
            page=page,
            capacity=fault.capacity,
            env={**fault.env, **(env or {})},
        ) as cluster:
            yield cluster


def run_on(cluster: Cluster, fault: Fault, plan: Plan, say: Say, stage: Stage | None = None) -> Result:
    """Run an experiment on a running cluster. Its fault heals what it breaks, so that the cluster can be used again."""
    result = Result(fault.name, fault.title, plan)
    begun = time.monotonic()
    try:
        uvloop.run(_run(cluster, fault, plan, result, say, stage))
    except CannotRun as error:
        result.not_run = str(error)
    except (NotReached, ClusterFailed, RedisAway, OSError, TimeoutError) as error:
        result.broke = f"ended early: {type(error).__name__}: {error}"
    result.seconds = time.monotonic() - begun
    return result


async def _run(cluster: Cluster, fault: Fault, plan: Plan, result: Result, say: Say, stage: Stage | None) -> None:
    random = Random(plan.seed)
    size = Size(fault.clients, plan.size.rate) if fault.clients else plan.size
    redis = RedisAdmin(cluster.redis_url())
    if stage is None:
        await _set_level(redis, plan.level)
    names = tuple(f"gateway{number}" for number in range(1, fault.gateways + 1))
    # Two runs on one cluster use different rooms, whatever their seed.
    run = f"c{plan.seed}x{time.time_ns() // 1000 % 16**9:x}"
    crowd = Crowd(run, size, cluster.ports.page, cluster.jwt_secret, random)
    rig = Rig(cluster, crowd, redis, random, plan.span, names, stage)
    try:
        await crowd.arrive()
        say(f"{size.clients} clients on {crowd.placement()}, {size.rate:g} messages a second")
        crowd.write()
        await asyncio.sleep(_WARM_SECONDS + plan.span.before)
        rig.steady = (clock() - plan.span.before, clock())
        await fault.run(rig)
        rig.figure("all messages received after", await crowd.finish(plan.span.finish), None)
    finally:
        await crowd.leave()
    result.verdict = checker.judge(crowd.journal, may_declare=fault.may_declare and plan.level == "everysec")
    result.figures, result.notes = rig.figures, rig.notes
    _note_ledger(crowd, result)


async def _set_level(redis: RedisAdmin, level: str) -> None:
    """Set the durability level in Redis and in redis.conf: the fault may restart Redis."""
    await redis.call("CONFIG", "SET", "appendfsync", level)
    await redis.call("CONFIG", "REWRITE")


def _note_ledger(crowd: Crowd, result: Result) -> None:
    outcomes: dict[str, int] = {}
    for answer in crowd.ledger.answers:
        outcomes[answer.outcome] = outcomes.get(answer.outcome, 0) + 1
    result.notes.append("sends: " + ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())))
    if crowd.ledger.told:
        result.notes.append(
            "events to clients: " + ", ".join(f"{count} {name}" for name, count in crowd.ledger.told.items())
        )
    failed = Counter(reason for _, reason in crowd.ledger.failed_connects)
    failed.update(str(refusal) for _, refusal in crowd.ledger.turned)
    if failed:
        kinds = ", ".join(f"{count} {reason}" for reason, count in failed.most_common(5))
        result.notes.append(f"connects: {crowd.ledger.connects}; failed: {kinds}")
    if crowd.skipped:
        result.notes.append(f"{crowd.skipped} messages were not written: the outbox of the client was full")
