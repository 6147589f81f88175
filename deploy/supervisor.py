"""Keep the processes of one cluster running, with circus.

Circus starts processes, restarts them, writes their output into rotating files, and takes commands (`start`, `stop`,
`list`, `stats`) on a socket in the state folder. This module adds:

- an order of start and stop, in which each stage waits until the processes of the previous stage are ready or stopped;
- handling of signals, and the restart of dead processes, while a command runs. During a command, circus itself does
  neither: while one gateway drained, another dead gateway would stay dead, and Ctrl-C would be lost;
- pauses before restarts, the end of a dead process's children, and the last output of a dead process in its log.

The names of the two Unix sockets are relative to the run folder: the path of a socket is limited to 107 characters, and
the path of a checkout can be longer. A client changes into that folder first.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from circus.arbiter import Arbiter
from circus.process import DEAD_OR_ZOMBIE, UNEXISTING
from circus.stream.redirector import Redirector
from circus.watcher import Watcher
from tornado import gen
from tornado.ioloop import IOLoop

from deploy import readiness
from deploy.credentials import Credentials
from deploy.layout import ROOT, Paths
from deploy.logs import COPIES, FILE_BYTES, RotatingLog, last_words
from deploy.processes import START_ORDER, STOP_ORDER, Kind, Process, log_file

CONTROL_SOCKET: Final = "ipc://control.sock"
EVENTS_SOCKET: Final = "ipc://events.sock"
LOOK_SECONDS: Final = 0.25
"""Seconds between two looks for dead processes."""
RESPAWN_PAUSE_SECONDS: Final = 0.5
"""The shortest time in seconds between two starts of a process."""
GATEWAY_REST_SECONDS: Final = 1.5
"""Seconds to wait before a dead gateway is started again. Its clients reconnect to the other gateways in this time. The
start takes a second of CPU and would delay them."""
START_SECONDS: Final = 30.0
"""Seconds within which all processes of a stage must be ready."""

_CHILD: Final = Path(__file__).with_name("child.py")
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class StartFailed(RuntimeError):
    """A process did not become ready; the text names the process and its log."""


class _Arbiter(Arbiter):  # type: ignore[misc]
    """Circus's arbiter, changed so that it restarts dead processes also during a command."""

    @gen.coroutine
    def manage_watchers(self) -> Any:
        if not self._stopping:
            self.reap_processes()
            yield [watcher.manage_processes() for watcher in self.watchers if watcher.status() == "active"]


class Supervisor:
    """The supervisor of a cluster: `run` starts the processes, keeps them running, and stops them after a signal."""

    def __init__(self, processes: Iterable[Process], paths: Paths, credentials: Credentials) -> None:
        self._processes = tuple(processes)
        self._paths = paths
        self._credentials = credentials
        self._stop = asyncio.Event()
        self._signals = 0
        os.chdir(paths.run)
        self._watchers = {process.name: _watcher(process, paths.logs) for process in self._processes}
        self._arbiter = _Arbiter(
            list(self._watchers.values()),
            CONTROL_SOCKET,
            EVENTS_SOCKET,
            check_delay=LOOK_SECONDS,
            loop=IOLoop.current(),
            proc_name="roomcast",
        )
        self._arbiter.ctrl.sys_hdl.stop()  # circus's handlers lose a signal that comes during a command

    async def run(self, started: Callable[[], None]) -> None:
        """Start the processes in stages, call `started` when all are ready, and stop them in stages after a signal.

        If a process is not ready within START_SECONDS, stop all processes and raise StartFailed.
        """
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        await self._arbiter.start()
        try:
            if await self._start():
                started()
                await self._stop.wait()
        finally:
            await self._shut_down()

    async def _start(self) -> bool:
        """Start the processes in stages. Return False if a signal came before all were ready."""
        for kinds in START_ORDER:
            stage = [process for process in self._of(kinds) if process.starts]
            for process in stage:
                await self._watchers[process.name]._start()
            wait = partial(readiness.first_unready, stage, self._credentials, START_SECONDS, self._gives_up)
            unready = await asyncio.get_running_loop().run_in_executor(None, wait)
            if self._stop.is_set():
                return False
            if unready is not None:
                log = log_file(self._paths.logs, unready.name)
                raise StartFailed(f"{unready.name} did not become ready; {log} ends with: {last_words(log)}")
        return True

    def _gives_up(self) -> bool:
        return self._stop.is_set()

    def _of(self, kinds: tuple[Kind, ...]) -> list[Process]:
        return [process for process in self._processes if process.kind in kinds]

    def _on_signal(self) -> None:
        """Stop in order at the first signal. At a further signal, kill all processes except Redis."""
        self._signals += 1
        self._stop.set()
        if self._signals > 1:
            for process in self._processes:
                if process.kind != "redis":
                    self._watchers[process.name].send_signal_all(signal.SIGKILL)

    async def _shut_down(self) -> None:
        self._arbiter._stopping = True
        for kinds in STOP_ORDER:
            await asyncio.gather(*(self._stop_one(process) for process in self._of(kinds)))
        self._arbiter.stop_controller_and_close_sockets()

    async def _stop_one(self, process: Process) -> None:
        watcher = self._watchers[process.name]
        while watcher.status() == "stopping":  # by an earlier command; circus has no event for the end of a stop
            await gen.sleep(LOOK_SECONDS)
        await watcher._stop(True)


class _ClusterWatcher(Watcher):  # type: ignore[misc]
    """A watcher of one process. When the process dies, the watcher kills its process group (nginx's workers), too."""

    def send_signal_all(self, number: signal.Signals) -> None:
        for pid in self.get_active_pids():
            with suppress(ProcessLookupError):
                os.killpg(pid, number)

    @gen.coroutine
    def manage_processes(self) -> Any:
        for process in list(self.processes.values()):
            if process.status in (DEAD_OR_ZOMBIE, UNEXISTING):  # circus would forget the process without reaping it
                self.reap_process(process.pid)
        if time.monotonic() >= self._rests_until:
            yield super().manage_processes()

    def reap_process(self, pid: int, status: int | None = None) -> None:
        if pid in self.processes:
            self._take_last_words(self.processes[pid])
            self._rests_until = time.monotonic() + self.rest_seconds
        super().reap_process(pid, status)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)

    def _take_last_words(self, process: Any) -> None:
        """Read the last output of a dead process, and stop watching its pipes before circus closes them."""
        for name, pipe in Redirector.get_process_pipes(process):
            if not pipe.closed:
                os.set_blocking(pipe.fileno(), False)
                if left := pipe.read():
                    self.stream_redirector.redirect[name]({"data": left})
        self.stream_redirector.remove_redirections(process)

    @gen.coroutine
    def spawn_processes(self) -> Any:
        """Pause between starts, so that a program that always ends at once does not use all CPU."""
        pause = self._last_spawn + RESPAWN_PAUSE_SECONDS - time.monotonic()
        if pause > 0:
            yield gen.sleep(pause)
        self._last_spawn = time.monotonic()
        yield super().spawn_processes()

    rest_seconds = 0.0
    _last_spawn = 0.0
    _rests_until = 0.0


def _watcher(process: Process, logs: Path) -> _ClusterWatcher:
    log = {"stream": RotatingLog(log_file(logs, process.name))}
    watcher = _ClusterWatcher(
        process.name,
        shlex.quote(sys.executable),
        args=["-I", "-S", str(_CHILD), str(os.getpid()), *process.argv],
        env=dict(process.env),
        working_dir=str(ROOT),
        graceful_timeout=process.stop_seconds,
        max_retry=-1,
        singleton=True,
        autostart=False,
        stdout_stream=log,
        stderr_stream=log,
    )
    if process.kind == "gateway":
        watcher.rest_seconds = GATEWAY_REST_SECONDS
    return watcher


def log_to(path: Path) -> None:
    """Write the log of the supervisor itself (the loggers of circus, tornado and asyncio) into a rotating file."""
    handler = RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=COPIES)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("circus", "tornado", "asyncio"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False
    logging.getLogger("circus").setLevel(logging.INFO)
