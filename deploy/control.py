"""Control a running cluster: status, scale, roll, stop."""

from __future__ import annotations

import json
import os
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from circus.client import CircusClient
from circus.exc import CallError

from deploy import prepare, readiness
from deploy.credentials import Credentials, load
from deploy.layout import Counts, Paths, Ports
from deploy.processes import DRAIN_SECONDS, REDIS_STOP_SECONDS, Plan, Process, Programs
from deploy.supervisor import CONTROL_SOCKET, START_SECONDS

STOP_SECONDS: Final = DRAIN_SECONDS + REDIS_STOP_SECONDS + 30
ANSWER_SECONDS: Final = 5.0
START_SECONDS_EACH: Final = 3.0
"""Seconds that each starting process adds to a wait: all start at once, and each start takes a second of CPU."""

_BASE_FILE: Final = "port"
_ENDED: Final = ("no longer exists", "it's a zombie")
"""Texts in the supervisor's error when a process ends while the supervisor reads the figures of all processes."""
_PIDS_TRIES: Final = 20
_PIDS_PAUSE_SECONDS: Final = 0.1


class NotRunning(RuntimeError):
    """No cluster runs from this state folder."""


class Refused(RuntimeError):
    """The supervisor did not run a command; the text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One process as `make status` shows it."""

    process: Process
    pid: int
    ready: bool
    uptime_seconds: float


class Control:
    """A client of a running cluster's supervisor. Raises NotRunning if no cluster runs."""

    def __init__(self, state: Path) -> None:
        self._state = state
        pid = prepare.supervisor_pid(state)
        if pid is None:
            raise NotRunning("no cluster runs from this folder: start one with make run")
        self.pid = pid
        base, capacity = (state / "run" / _BASE_FILE).read_text().split()
        self.ports = Ports(int(base))
        self.credentials: Credentials = load(state / "secrets")
        unused = Programs("", (), (), {})  # this class uses only names, ports and probes of the processes
        counts = Counts(capacity=int(capacity))
        paths = Paths(state=state, public=state)
        self._processes = Plan(self.ports, paths, self.credentials, unused, counts, {}).processes

    def process(self, name: str) -> Process:
        """Return the process of that name, running or not. Raise KeyError if the cluster has no such process."""
        return {process.name: process for process in self._processes}[name]

    def pids(self) -> dict[str, int]:
        """Return the process ids of the running processes by name; for nginx, the id of its master process."""
        for tries_left in reversed(range(_PIDS_TRIES + 1)):
            try:
                answer = self._ask("stats")
                break
            except Refused as error:  # a process ended while the supervisor was reading its figures
                if not tries_left or not any(words in str(error) for words in _ENDED):
                    raise
                time.sleep(_PIDS_PAUSE_SECONDS)
        return {name: int(pid) for name, workers in answer["infos"].items() for pid in workers}

    def rows(self) -> list[Row]:
        """Return one row for each running process."""
        pids = self.pids()
        return [self._row(process, pids[process.name]) for process in self._processes if process.name in pids]

    def _row(self, process: Process, pid: int) -> Row:
        try:
            uptime = time.time() - psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            return Row(process, pid, False, 0.0)
        return Row(process, pid, readiness.is_ready(process, self.credentials), uptime)

    def scale(self, kind: str, count: int) -> None:
        """Run exactly the processes 1 to `count` of a kind (gateway, sweeper, signer, api).

        Return when these are ready and the other processes of the kind have ended. Raise ValueError for an unknown kind
        or a count out of range, and Refused if the supervisor does not do it or a process does not become ready.
        """
        every = [process for process in self._processes if process.kind == kind]
        if kind not in ("gateway", "sweeper", "signer", "api") or not 0 <= count <= len(every):
            raise ValueError(f"{kind}s must be from 0 to {len(every)}")
        running = self.pids()
        for process in every[:count]:
            if process.name not in running:
                self._ask("start", name=process.name, waiting=True)
        seconds = START_SECONDS + START_SECONDS_EACH * count
        unready = readiness.first_unready(every[:count], self.credentials, seconds)
        if unready is not None:
            raise Refused(f"{unready.name} did not become ready: make logs")
        if surplus := [process.name for process in every[count:] if process.name in running]:
            pattern = f"^({'|'.join(surplus)})$"
            self._ask("stop", DRAIN_SECONDS + ANSWER_SECONDS, name=pattern, match="regex", waiting=True)

    def restart(self, name: str) -> None:
        """Stop a process by SIGTERM and start it again. Return when it is ready. Raise Refused if it does not start."""
        process = self.process(name)
        self._ask("stop", process.stop_seconds + ANSWER_SECONDS, name=name, waiting=True)
        self._ask("start", name=name, waiting=True)
        if readiness.first_unready([process], self.credentials, START_SECONDS) is not None:
            raise Refused(f"{name} did not become ready: make logs")

    def roll(self) -> Iterator[str]:
        """Restart the gateways one after the other, each once the previous one is ready; yield their names.

        Raises Refused when a gateway does not become ready, and leaves the remaining gateways as they are.
        """
        for process in [row.process for row in self.rows() if row.process.kind == "gateway"]:
            self.restart(process.name)
            yield process.name

    def stop(self) -> None:
        """Stop all processes in order; return when the supervisor has ended. Raise Refused after STOP_SECONDS."""
        os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while prepare.supervisor_pid(self._state) is not None:
            if time.monotonic() > deadline:
                raise Refused(f"the supervisor (process {self.pid}) does not stop")
            time.sleep(readiness.POLL_SECONDS)

    def _ask(self, command: str, seconds: float = ANSWER_SECONDS, **properties: Any) -> dict[str, Any]:
        if prepare.supervisor_pid(self._state) is None:
            raise NotRunning("the cluster has stopped")
        with _in_folder(self._state / "run"):
            client = CircusClient(endpoint=CONTROL_SOCKET, timeout=seconds)
            try:
                answer: dict[str, Any] = client.send_message(command, **properties)
            except CallError as error:
                raise Refused(f"the supervisor does not answer: {error}") from None
            finally:
                client.stop()
        if answer.get("status") != "ok":
            raise Refused(str(answer.get("reason", json.dumps(answer))))
        return answer


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Make `folder` the working directory, because the control socket's name is relative to it (see supervisor)."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def remember(state: Path, ports: Ports, capacity: int) -> None:
    """Store the base port and the capacity of a cluster in `state`, where `Control` reads them."""
    (state / "run" / _BASE_FILE).write_text(f"{ports.page} {capacity}")


def table(rows: list[Row]) -> str:
    """Return the rows of `make status` as aligned text."""
    head = ("process", "pid", "port", "metrics", "ready", "uptime")
    cells = [
        head,
        *(
            (r.process.name, str(r.pid), str(r.process.port), _metrics(r), _yes(r.ready), _span(r.uptime_seconds))
            for r in rows
        ),
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _metrics(row: Row) -> str:
    """Return the port of health, readiness and metrics; `-` for Redis, the storage and nginx, which have none."""
    return "-" if row.process.kind in ("redis", "s3", "nginx") else str(row.process.ready.port)


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def environment(cluster: Control) -> dict[str, str]:
    """Return the variables for programs that use this cluster: addresses, the token secret, Redis accounts, an API key.

    ROOMCAST_ADAPTER_REDIS_URL has the gateways' account, for Socket.IO servers with the adapter. ROOMCAST_REDIS_URL has
    the back ends' account, with fewer rights. ROOMCAST_ADMIN_REDIS_URL is for the operator command and has all rights.
    """
    return {
        "ROOMCAST_URL": f"http://localhost:{cluster.ports.page}",
        "ROOMCAST_JWT_SECRET": cluster.credentials.jwt_secret,
        "ROOMCAST_CLUSTER_KEY": cluster.credentials.cluster_key,
        "ROOMCAST_REDIS_URL": cluster.credentials.redis_url("backend", cluster.ports.redis),
        "ROOMCAST_API_URL": f"http://localhost:{cluster.ports.api(1)}",
        "ROOMCAST_API_KEY": cluster.credentials.api_key,
        "ROOMCAST_ADAPTER_REDIS_URL": cluster.credentials.redis_url("gateway", cluster.ports.redis),
        "ROOMCAST_ADMIN_REDIS_URL": cluster.credentials.redis_url("admin", cluster.ports.redis),
    }


def assignments(values: Mapping[str, str]) -> str:
    """Return shell assignments."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())
