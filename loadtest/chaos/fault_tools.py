"""The tools of every fault function (`Rig`): the cluster, its clients, an operator's access to Redis, measurements."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import psutil

from deploy.cluster import Cluster
from loadtest.bench.stats import percentile
from loadtest.chaos import gauges
from loadtest.chaos.client import Person
from loadtest.chaos.client_connection import WireLost
from loadtest.chaos.crowd import Crowd, NotReached, clock, times_back
from loadtest.chaos.figures import Figure, share_within
from loadtest.chaos.redis_admin import RedisAdmin
from loadtest.chaos.redis_topologies import Stage
from roomcast.wire.tasks import TaskSet

P99_FLOOR_MS: Final = 25.0
"""Least p99 in ms from which a limit is computed, because a lower p99 depends mostly on process scheduling."""
_LAG: Final = "roomcast_gateway_loop_lag_seconds"


class CannotRun(RuntimeError):
    """The experiment cannot run here; the text says why. The report then says "not run", never "passed"."""


@dataclass(frozen=True, slots=True)
class Span:
    """Durations in seconds: load `before` and `after` a fault, a lasting fault (`held`), limit of `Crowd.finish`."""

    before: float = 10.0
    held: float = 10.0
    after: float = 10.0
    finish: float = 60.0


@dataclass(slots=True)
class Rig:
    """One running experiment. `figures` and `notes` are its report."""

    cluster: Cluster
    crowd: Crowd
    redis: RedisAdmin
    random: Random
    span: Span
    gateways: tuple[str, ...]
    stage: Stage | None = None
    steady: tuple[float, float] = (0.0, 0.0)
    """Begin and end of the load before the fault; figures are compared with this span."""
    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def figure(self, name: str, value: float, limit: float | None = None, unit: str = "s", **more: bool) -> None:
        self.figures.append(Figure(name, value, limit, unit, **more))

    # --- processes ---

    async def pids(self) -> dict[str, int]:
        return await asyncio.to_thread(self.cluster.pids)

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> float:
        """Send a signal to a process; return the time of sending."""
        pid = (await self.pids())[name]
        os.kill(pid, number)
        return clock()

    async def wait_ready(self, *names: str, seconds: float = 30.0) -> None:
        await asyncio.to_thread(lambda: self.cluster.wait_ready(*names, seconds=seconds))

    @asynccontextmanager
    async def stopped(self, name: str) -> AsyncIterator[float]:
        """Stop a process (SIGSTOP); it continues when the context ends."""
        pid = (await self.pids())[name]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield clock()
        finally:
            with suppress(ProcessLookupError):  # the supervisor has replaced the process
                os.kill(pid, signal.SIGCONT)

    @asynccontextmanager
    async def redis_crashed(self, meddle: Callable[[Path], None] | None = None) -> AsyncIterator[float]:
        """Kill Redis and keep it down during the context; then let `meddle` change its data before the restart."""
        config = self.cluster.state / "run" / "redis.conf"
        aside = config.with_suffix(".aside")
        pid = (await self.pids())["redis"]
        config.rename(aside)  # without the file, the supervisor's attempts to start Redis fail
        try:
            os.kill(pid, signal.SIGKILL)
            yield clock()
            if meddle is not None:
                meddle(self.cluster.state / "redis")
        finally:
            aside.rename(config)

    # --- measuring ---

    async def metrics(self) -> dict[str, dict[str, float]]:
        """Return every gateway's metrics, by name."""
        pages = await asyncio.gather(*(gauges.fetch(self.cluster.metrics_url(name)) for name in self.gateways))
        return dict(zip(self.gateways, pages, strict=True))

    def files_open(self, pids: dict[str, int]) -> dict[str, int]:
        return {name: psutil.Process(pids[name]).num_fds() for name in self.gateways}

    def memory(self, pids: dict[str, int]) -> dict[str, int]:
        """Return the resident bytes of every gateway."""
        return {name: psutil.Process(pids[name]).memory_info().rss for name in self.gateways}

    def report_lag(self, before: dict[str, dict[str, float]], after: dict[str, dict[str, float]]) -> None:
        """Report the worst p99 of a gateway's loop lag between two readings; the limit is 100 ms."""
        worst = max(gauges.quantile(before[name], after[name], _LAG, 0.99) for name in self.gateways)
        self.figure("largest p99 of the loop lag", worst * 1000, 100.0, "ms")

    def report_back(self, people: Iterable[Person], cut_at: float, could_from: float | None = None) -> None:
        """Report the reconnects of cut-off clients: 99 % within 5 s, all within 15 s.

        `could_from`: the time before which no client could reconnect. The clients' backoff has grown until then, so
        only the limit of 15 s applies.
        """
        times = times_back(people, cut_at, could_from or cut_at)
        limit = 99.0 if could_from is None else None
        self.figure("clients disconnected", len(times), None, "")
        self.figure("clients back within 5 s", share_within(times, 5.0), limit, "%", at_least=True)
        self.figure("last client back after", times[-1] if times else 0.0, 15.0)

    def p99(self, begin: float, end: float, among: set[str]) -> float:
        """Return the p99 of delivery among these clients, in milliseconds."""
        return percentile(self.crowd.latencies_ms(begin, end, among), 0.99)

    def report_p99(self, people: list[Person], begin: float, end: float, factor: float = 2.0) -> None:
        """Report these clients' p99 of delivery in a span; the limit is `factor` times their p99 before the fault."""
        names = {person.name for person in people}
        before, during = self.p99(*self.steady, names), self.p99(begin, end, names)
        self.figure("delivery p99 before the fault", before, None, "ms")
        self.figure("delivery p99 during the fault", during, factor * max(before, P99_FLOOR_MS), "ms")

    def report_answers(self, begin: float, end: float) -> None:
        """Report the answers to sends while Redis was away: no send may time out, no refusal may take over 2 s."""
        answers = [answer for answer in self.crowd.ledger.answers if begin <= answer.at <= end]
        refused = [answer.took for answer in answers if answer.outcome not in ("ack", "timeout", "cut")]
        self.figure("sends refused", len(refused), None, "")
        self.figure("slowest refusal", max(refused, default=0.0), 2.0)
        self.figure("sends without answer", sum(answer.outcome == "timeout" for answer in answers), 0, "")

    def report_resumed(self, healed: float, limit: float = 2.0) -> None:
        """Report the time from the heal to the first ack of every gateway that has clients."""
        first: dict[str, float] = {}
        for sent in self.crowd.journal.sent.values():
            if sent.acked_at is not None and sent.acked_at >= healed:
                first[sent.acked_by] = min(first.get(sent.acked_by, float("inf")), sent.acked_at - healed)
        nodes = self.crowd.placement()
        self.figure(
            "all gateways ack again after", max((first.get(n, float("inf")) for n in nodes), default=0.0), limit
        )

    def report_kept(self, since: float) -> None:
        """Report the connections that ended since `since`: the limit is 0."""
        lost = sum(not change.up and change.at >= since for person in self.crowd.people for change in person.changes)
        self.figure("connections lost", lost, 0, "")

    def report_told(self, since: float) -> None:
        """Report the readers without a declaration (`recovered: false` or `resync`) since `since`: the limit is 0."""
        readings = self.crowd.journal.readings
        untold = sum(not any(cut.at >= since for cut in reading.declared) for reading in readings)
        self.figure("readers without a declaration of loss", untold, 0, "")

    async def settle(self, seconds: float = 30.0) -> None:
        """Wait until all clients are back; add a note when the time runs out."""
        try:
            await self.crowd.wait_back(seconds)
        except NotReached as error:
            self.notes.append(str(error))

    @asynccontextmanager
    async def watching_readiness(self, *names: str) -> AsyncIterator[ReadyWatch]:
        """Poll the gateways (default: all) for readiness, ten times a second."""
        watch = ReadyWatch({name: self.cluster.metrics_url(name, "/readyz") for name in names or self.gateways})
        tasks = TaskSet()
        for name in watch.urls:
            tasks.start(watch.look(name), f"readiness of {name}")
        try:
            yield watch
        finally:
            await tasks.cancel()

    async def ask(self, name: str, payload: dict[str, Any], seconds: float = 8.0) -> dict[str, Any]:
        """Send one request as a connected client. If its connection ends or its rate is used up, try the next client.

        Raise NotReached when no client gets an answer.
        """
        for person in self.crowd.people:
            if person.wire is not None:
                with suppress(TimeoutError, WireLost):
                    answer = await person.wire.call(name, payload, seconds)
                    if answer["ok"] or answer["error"]["reason"] != "rate_limited":
                        return answer
        raise NotReached(f"{name}: no client got an answer")

    async def offline(self, people: list[Person]) -> list[str]:
        """Return which of these clients are shown offline."""
        found = []
        for start in range(0, len(people), 100):
            names = [person.name for person in people[start : start + 100]]
            answer = await self.ask("presence:query", {"users": names})
            if not answer["ok"]:
                raise NotReached(f"presence:query: {answer['error']}")
            found += [name for name in names if answer["users"][name]["status"] == "offline"]
        return found


class ReadyWatch:
    """A record of when each gateway was ready or unready."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls
        self.seen: dict[str, list[tuple[float, bool]]] = {name: [] for name in urls}

    async def look(self, name: str) -> None:
        while True:
            status, _ = await gauges.get(self.urls[name], 1.0)
            self.seen[name].append((clock(), status == 200))
            await asyncio.sleep(0.1)

    def unready_after(self, since: float) -> float:
        """Return the seconds from `since` until each gateway had been unready once (inf: a gateway never was)."""
        return self._slowest(since, ready=False)

    def ready_after(self, since: float) -> float:
        return self._slowest(since, ready=True)

    def _slowest(self, since: float, *, ready: bool) -> float:
        firsts = [
            next((at - since for at, was_ready in seen if at >= since and was_ready is ready), float("inf"))
            for seen in self.seen.values()
        ]
        return max(firsts)
