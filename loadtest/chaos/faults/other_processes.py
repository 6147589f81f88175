"""Faults of the processes beside the gateways: sweeper, signer, storage, nginx."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loadtest.chaos import gauges
from loadtest.chaos.client import Person
from loadtest.chaos.client_connection import WireLost
from loadtest.chaos.crowd import clock
from loadtest.chaos.fault_tools import CannotRun, Rig
from roomcast.contract import keys
from roomcast.wire.tasks import TaskSet

_ABSENT = 10
_ABSENT_SECONDS = 60.0 + 2.0
_UPLOAD = {"name": "picture.png", "type": "image/png", "size": 1000}
_WORKER_SHUTDOWN_SECONDS = 30.0


async def kill_sweeper(rig: Rig) -> None:
    """Kill the leading sweeper and a gateway; some clients of the gateway never reconnect and must go offline."""
    leader = await _leader(rig)
    gateway = rig.random.choice(rig.gateways)
    absent = rig.crowd.on_nodes([gateway.removeprefix("gateway")])[:_ABSENT]
    living = [person for person in rig.crowd.people if person not in absent]
    lease = await rig.redis.call("GET", keys.PRESENCE_SWEEPER)
    died = await rig.kill(leader)
    await rig.kill(gateway)
    rig.crowd.dismiss(absent)
    while await rig.redis.call("GET", keys.PRESENCE_SWEEPER) in (lease, None) and clock() < died + 30:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    rig.figure("another sweeper leads after", clock() - died, 10.0)
    gone, evicted = await _watch_absent(rig, absent, living, died)
    rig.figure("absent clients shown offline after", gone, _ABSENT_SECONDS)
    rig.figure("connected users shown offline", evicted, 0, "")
    await rig.settle()


async def _leader(rig: Rig) -> str:
    for name in ("sweeper1", "sweeper2"):
        if gauges.total(await gauges.fetch(rig.cluster.metrics_url(name)), "roomcast_presence_leader"):
            return name
    raise CannotRun("no sweeper leads")


async def _watch_absent(rig: Rig, absent: list[Person], living: list[Person], died: float) -> tuple[float, int]:
    """Return the seconds until all absent clients were offline, and how many connected users were shown offline."""
    evicted: set[str] = set()
    await asyncio.sleep(10.0)  # in this time the other clients reconnect, and no presence can expire
    while clock() - died < _ABSENT_SECONDS + 20:
        evicted.update(await rig.offline(living))
        if len(await rig.offline(absent)) == len(absent):
            return clock() - died, len(evicted)
        await asyncio.sleep(0.5)
    return float("inf"), len(evicted)


class Signing:
    """A loop that requests upload forms, each time as another client of the run."""

    def __init__(self, rig: Rig) -> None:
        self.answers: list[tuple[float, float, bool]] = []
        """Per request: its time, its duration in seconds, and whether it got a form."""
        self._rig = rig

    async def ask_on(self) -> None:
        people = list(self._rig.crowd.people)
        self._rig.random.shuffle(people)
        while True:
            person = people.pop(0)
            people.append(person)
            if person.wire is not None:
                await self._ask(person)
            await asyncio.sleep(0.1)

    async def _ask(self, person: Person) -> None:
        begun = clock()
        try:
            assert person.wire is not None
            answer = await person.wire.call("media:sign", {"room": next(iter(person.rooms)), **_UPLOAD}, 8.0)
        except (WireLost, TimeoutError):
            self.answers.append((begun, float("inf"), False))
        else:
            self.answers.append((begun, clock() - begun, bool(answer["ok"])))

    def report(self, broke: float) -> None:
        """Report the failed requests, the slowest error, the time to the last error, and the last five requests."""
        rig, since = self._rig, [answer for answer in self.answers if answer[0] >= broke]
        failed = [took for _, took, ok in since if not ok]
        rig.figure("failed requests for upload forms", len(failed), None, "")
        rig.figure("slowest failed request", max(failed, default=0.0), 1.0)
        last_failure = max((at for at, _, ok in since if not ok), default=broke)
        rig.figure("last failed request after", last_failure - broke, None)
        rig.figure("successes of the last five requests", sum(ok for _, _, ok in since[-5:]), 5, "", at_least=True)


@asynccontextmanager
async def _signing(rig: Rig) -> AsyncIterator[Signing]:
    signing, tasks = Signing(rig), TaskSet()
    tasks.start(signing.ask_on(), "signing")
    try:
        yield signing
    finally:
        await tasks.cancel()


async def kill_signer(rig: Rig) -> None:
    """Kill the only signer: requests for forms fail at once until it is back. The chat is not affected."""
    async with _signing(rig) as signing:
        await asyncio.sleep(1.0)
        died = await rig.kill("signer1")
        await asyncio.sleep(rig.span.after)
        await rig.wait_ready("signer1")
        await asyncio.sleep(1.0)
        ended = clock()
    signing.report(died)
    rig.report_p99(rig.crowd.people, died, ended, 1.1)


async def storage_hang(rig: Rig) -> None:
    """Stop the object storage with SIGSTOP: it accepts connections and does not answer."""
    async with _signing(rig) as signing:
        await asyncio.sleep(1.0)
        async with rig.stopped("s3") as hung:
            await asyncio.sleep(rig.span.held)
        await asyncio.sleep(rig.span.after)
        ended = clock()
    signing.report(hung)
    rig.report_p99(rig.crowd.people, hung, ended, 1.1)


async def nginx_reload(rig: Rig) -> None:
    """Reload nginx ten times: no client may lose its connection before `worker_shutdown_timeout`."""
    pid = (await rig.pids())["nginx"]
    begun = clock()
    for _ in range(10):
        os.kill(pid, signal.SIGHUP)
        await asyncio.sleep(0.5)
    await asyncio.sleep(_WORKER_SHUTDOWN_SECONDS - 1.0 - (clock() - begun))
    rig.report_kept(begun)
    await asyncio.sleep(8.0)
    dropped = sum(not c.up and c.at >= begun for person in rig.crowd.people for c in person.changes)
    rig.figure("connections closed by nginx's shutdown timeout", dropped, None, "")
    await rig.settle()
