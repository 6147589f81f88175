"""Connect the scenarios to locust's events: set up, report to the master, check for lost messages, judge the run."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Final

import gevent
from locust import events, runners
from locust.runners import MasterRunner, WorkerRunner

from loadtest.results import verdict
from loadtest.results.collector import Collector
from loadtest.results.slo import Slo, parse
from loadtest.scenarios import clock, meter, options
from loadtest.scenarios.mixed import Mixed
from loadtest.scenarios.run_state import Run
from loadtest.scenarios.user import ChatUser

REPORT_SECONDS: Final = 1.0
CHECK_SECONDS: Final = 20.0
"""Time limit in seconds of the check for losses, for all users of a process together."""
_CLOCK_MESSAGE: Final = "roomcast clock"
_CHECK_MESSAGE: Final = "roomcast check"
_CLOCK_SECONDS: Final = 2.0
_FIELD: Final = "roomcast"
_LOCAL: Final = "this process"


def install() -> None:
    """Add the listeners to locust's events; the locustfile calls this once."""
    runners.WORKER_REPORT_INTERVAL = REPORT_SECONDS
    events.init_command_line_parser.add_listener(options.add)  # type: ignore[no-untyped-call]
    events.init.add_listener(_start)  # type: ignore[no-untyped-call]


def _start(environment: Any, **_: Any) -> None:
    """Set up this process. The master runs no users; a worker does not judge the run."""
    gevent.get_hub().loop.update_now()  # the loop's cached time is older than the imports; the run time begins now
    if not environment.parsed_options.user_classes:
        environment.user_classes = [Mixed]
    targets = _targets(environment.parsed_options.slo)
    if not isinstance(environment.runner, MasterRunner):
        _Users(environment)
    if not isinstance(environment.runner, WorkerRunner):
        _Judge(environment, targets)


class _Users:
    """The process that runs users: a worker, or the only process."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self.clock = clock.Clock()
        self.run = ChatUser.run_state = Run(environment, self.clock)
        self.meter = meter.Meter(_announce)
        self.meter.start()
        environment.events.test_start.add_listener(self._begin)
        environment.events.spawning_complete.add_listener(self._spawned)
        environment.events.test_stopping.add_listener(self._check)
        environment.events.report_to_master.add_listener(self._report)
        environment.events.local_report = self.report
        if isinstance(environment.runner, WorkerRunner):
            environment.runner.register_message(_CLOCK_MESSAGE, self._clock_answered)
            environment.runner.register_message(_CHECK_MESSAGE, self._asked_to_check, concurrent=True)
            gevent.spawn(self._ask_clock)

    def report(self) -> dict[str, Any]:
        """Return the report that the master collects."""
        return {"counts": dict(self.run.counts), "meter": self.meter.data()}

    def _begin(self, **_: Any) -> None:
        self.run.counts.clear()
        self.run.is_stopping = False
        self.meter.reset()

    def _spawned(self, **_: Any) -> None:
        if self._environment.reset_stats:
            self.meter.reset()

    def _check(self, **_: Any) -> None:
        """Stop sending, and compare every user's rooms with the server's logs, while they are still connected."""
        if self.run.is_stopping:
            return
        self.run.is_stopping = True
        checks = [gevent.spawn(user.check_losses) for user in list(self.run.users)]
        gevent.joinall(checks, timeout=CHECK_SECONDS)
        self.run.counts["rooms not checked"] += sum(not check.ready() for check in checks)
        gevent.killall(checks, block=False)

    def _asked_to_check(self, environment: Any, **_: Any) -> None:
        self._check()
        environment.runner.send_message(_CHECK_MESSAGE, self.report())

    def _report(self, data: dict[str, Any], **_: Any) -> None:
        data[_FIELD] = self.report()

    def _ask_clock(self) -> None:
        runner = self._environment.runner
        while True:
            runner.send_message(_CLOCK_MESSAGE, {"asked": time.time()})
            gevent.sleep(_CLOCK_SECONDS)

    def _clock_answered(self, msg: Any, **_: Any) -> None:
        self.clock.add(clock.sample(msg.data["asked"], msg.data["master"], time.time()))


class _Judge:
    """The process that collects and judges: the master, or the only process."""

    def __init__(self, environment: Any, targets: Slo) -> None:
        self._environment = environment
        self._targets = targets
        self._collector = Collector()
        environment.events.test_start.add_listener(self._begin)
        environment.events.worker_report.add_listener(self._reported)
        environment.events.quitting.add_listener(self._end)
        self._unchecked: set[str] = set()
        if isinstance(environment.runner, MasterRunner):
            environment.runner.register_message(_CLOCK_MESSAGE, _answer_clock)
            environment.runner.register_message(_CHECK_MESSAGE, self._checked)
            environment.events.test_stopping.add_listener(self._check)
        gevent.spawn(self._sample)

    def _begin(self, **_: Any) -> None:
        self._collector = Collector()

    def _reported(self, client_id: str, data: dict[str, Any], **_: Any) -> None:
        if _FIELD in data:
            self._collector.take(client_id, data[_FIELD])

    def _check(self, **_: Any) -> None:
        """Let the workers check for losses, and wait for their reports: the master receives none after it quits."""
        runner = self._environment.runner
        self._unchecked = {worker.id for worker in runner.clients.running}
        for worker in list(self._unchecked):
            runner.send_message(_CHECK_MESSAGE, None, client_id=worker)
        with gevent.Timeout(CHECK_SECONDS + 5 * REPORT_SECONDS, False):
            while self._unchecked:
                gevent.sleep(0.1)
        gevent.sleep(1.5 * REPORT_SECONDS)  # the workers' last figures are still in transit

    def _checked(self, msg: Any, **_: Any) -> None:
        self._collector.take(msg.node_id, msg.data)
        self._unchecked.discard(msg.node_id)

    def _sample(self) -> None:
        runner = self._environment.runner
        while True:
            gevent.sleep(REPORT_SECONDS)
            self._take_local()
            if runner.state in (runners.STATE_RUNNING, runners.STATE_SPAWNING):
                self._collector.sample(self._environment.stats, runner.user_count)

    def _take_local(self) -> None:
        local = getattr(self._environment.events, "local_report", None)
        if local is not None:
            self._collector.take(_LOCAL, local())

    def _end(self, **_: Any) -> None:
        """Stop the run, which checks for losses, and judge it."""
        self._environment.runner.stop()
        self._take_local()
        self._environment.process_exit_code = int(verdict.finish(self._environment, self._collector, self._targets))


def _answer_clock(environment: Any, msg: Any, **_: Any) -> None:
    answer = {"asked": msg.data["asked"], "master": time.time()}
    environment.runner.send_message(_CLOCK_MESSAGE, answer, client_id=msg.node_id)


def _announce(second: meter.Second) -> None:
    print(
        f"this worker is saturated (CPU {second.cpu:.0%} of a core, loop {second.late_ms:.0f} ms late):"
        " its figures do not count. Use more processes or machines, or fewer users",
        file=sys.stderr,
        flush=True,
    )


def _targets(path: str) -> Slo:
    """Read the targets, or exit with one line on standard error and status 2."""
    if not path:
        return Slo()
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"load: {path}: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        raise SystemExit(2) from None
