"""`python -m loadtest.drill`: cause the alerts on a separate cluster, and print which alerts fired and cleared.

With `--hold SECONDS` a cause continues after its alert has fired, so that an operator can try the runbook's section on
it. The cause ends once the alert has not fired for 15 s (QUIET_SECONDS), or after SECONDS.

Exit status 0: every cause fired its alert, which then cleared; 1: an alert did not fire or clear; 2: Prometheus is
missing, or an alert is unknown.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

from deploy.cluster import Cluster, free_base
from deploy.tools import MissingTool
from loadtest.chaos.crowd import Crowd, Size
from loadtest.chaos.fault_tools import Rig, Span
from loadtest.chaos.redis_admin import RedisAdmin
from loadtest.drill.causes import CAUSES, HOOKED_ROOM, Cause
from loadtest.drill.watch import Watch
from roomcast.cli import doctor
from roomcast.cli.cluster import connect
from roomcast.contract.errors import RoomcastError
from roomcast.wire.tasks import TaskSet

FIRES_SECONDS: Final = 90.0
HEALS_SECONDS: Final = 60.0
CLEARS_SECONDS: Final = 90.0
DOCTOR_SECONDS: Final = 6.0
QUIET_SECONDS: Final = 15.0
"""Seconds without the alert that end a cause under --hold. The pauses of repeating causes (drains) are shorter."""
SIZE: Final = Size(clients=120, rate=40.0)
_HOOK: Final = {
    "url": "http://127.0.0.1:9/",  # the discard port: nothing listens there
    "secret": "the secret of an endpoint that is down",
    "on_failure": "publish",
    "rooms": [HOOKED_ROOM],
    "allow_private": True,
}
ENVIRONMENT: Final = {
    "ROOMCAST_REDIS_TIMEOUT_SECONDS": "3",
    "ROOMCAST_PENDING_PER_ADDRESS": "10000",
    "ROOMCAST_PUBLISH_HOOK": json.dumps(_HOOK),
}
"""Settings of the gateways. They wait up to 3 s for Redis, so that acks become slow instead of failing."""


class Seen(NamedTuple):
    """The outcome for one alert: seconds until it fired, and until it cleared (None if it did not).

    `doctor`: the findings of `roomcast doctor` while the alert fired.
    """

    cause: Cause
    fired: float | None
    cleared: float | None
    doctor: str


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m loadtest.drill", description=__doc__, allow_abbrev=False)
    parser.add_argument("--alert", action="append", help="cause only this alert; repeatable")
    parser.add_argument(
        "--hold",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="the longest time for which each cause continues after its alert has fired",
    )
    options = parser.parse_args()
    wanted: list[str] | None = options.alert
    causes = [cause for cause in CAUSES if not wanted or cause.alert in wanted]
    if not causes:
        print(f"drill: unknown alert: {', '.join(wanted or ())}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="roomcast-drill-") as folder:
        try:
            seen = _on_a_cluster(Path(folder), causes, options.hold)
        except MissingTool as error:
            print(f"drill: {error}", file=sys.stderr)
            return 2
        except (asyncio.CancelledError, KeyboardInterrupt):
            return 130
    print(f"\n{sum(_is_good(each) for each in seen)} of {len(seen)} causes fired their alert, which then cleared")
    return 0 if all(map(_is_good, seen)) else 1


def _on_a_cluster(folder: Path, causes: list[Cause], hold_seconds: float) -> list[Seen]:
    page = folder / "page"
    page.mkdir()
    (page / "index.html").write_text("<!doctype html><title>Roomcast</title>")
    with Cluster(free_base(), folder / "state", gateways=2, apis=1, page=page, env=ENVIRONMENT) as cluster:
        watch = Watch(folder, cluster.state)
        watch.start()
        try:
            return asyncio.run(_run(cluster, watch, causes, hold_seconds))
        finally:
            watch.close()


async def _run(cluster: Cluster, watch: Watch, causes: list[Cause], hold_seconds: float) -> list[Seen]:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    random = Random(1)
    crowd = Crowd(f"drill{time.time_ns() % 16**6:x}", SIZE, cluster.ports.page, cluster.jwt_secret, random)
    rig = Rig(cluster, crowd, RedisAdmin(cluster.redis_url()), random, Span(), ("gateway1", "gateway2"))
    try:
        await crowd.arrive()
        crowd.write()
        return [await _drill(rig, watch, cause, hold_seconds) for cause in causes]
    finally:
        await crowd.leave()


async def _drill(rig: Rig, watch: Watch, cause: Cause, hold_seconds: float) -> Seen:
    """Run a cause until its alert fires, end the cause, and wait until the alert clears and the cluster is healthy."""
    await watch.wait(cause.alert, CLEARS_SECONDS, fires=False)  # the previous cause may also fire this alert
    task = TaskSet().start(cause.run(rig), cause.alert)
    fired = await watch.wait(cause.alert, FIRES_SECONDS, fires=True)
    found = await _ask_doctor(rig.cluster.redis_url())
    if fired is not None and hold_seconds:
        print(_guide(rig, watch, cause, hold_seconds), flush=True)
        await watch.wait_quiet(cause.alert, QUIET_SECONDS, hold_seconds)
    task.cancel()
    await asyncio.wait({task}, timeout=HEALS_SECONDS)  # the fix at the end of a cause takes time
    cleared = await watch.wait(cause.alert, CLEARS_SECONDS, fires=False)
    await rig.wait_ready()
    await rig.settle()
    seen = Seen(cause, fired, cleared, found)
    print(_line(seen), flush=True)
    return seen


def _guide(rig: Rig, watch: Watch, cause: Cause, hold_seconds: float) -> str:
    """Return the commands for another shell, in which an operator follows the runbook on this cluster."""
    command = f".venv/bin/python -m deploy --state {rig.cluster.state}"
    lines = (
        f"{cause.alert} fires: docs/runbook.md#{cause.alert.lower()}. In another shell, in this folder:",
        f'  eval "$({command} env)"; export PATH="$PWD/.venv/bin:$PWD/.state/tools/bin:$PATH"',
        f"  {command} status        (instead of `make status`; also scale, roll, logs)",
        f"  Prometheus: {watch.url}/alerts",
        f"The cause ends when the alert has not fired for {QUIET_SECONDS:.0f} s, or after {hold_seconds:.0f} s.",
        "Ctrl-C ends the drill.",
    )
    return "\n".join(lines)


async def _ask_doctor(url: str) -> str:
    """Return the findings of `roomcast doctor` in one line."""
    try:
        async with asyncio.timeout(DOCTOR_SECONDS), connect(url) as reader:
            findings = await doctor.examine(reader, url)
    except (RoomcastError, TimeoutError):
        return "Redis does not answer"
    return "; ".join(f"{each.check}: {each.seen}" for each in findings if each.level != "ok")


def _is_good(seen: Seen) -> bool:
    return seen.fired is not None and seen.cleared is not None


def _line(seen: Seen) -> str:
    def shown(seconds: float | None) -> str:
        return "did not" if seconds is None else f"{seconds:.0f} s"

    cause = seen.cause
    cells = (cause.alert, cause.cause, shown(seen.fired), seen.doctor, cause.fix, shown(seen.cleared))
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
