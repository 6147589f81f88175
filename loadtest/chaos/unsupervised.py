"""Run processes outside the cluster's supervisor: Redis servers, and gateways with another environment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.cluster import Cluster
from deploy.layout import ROOT
from loadtest.chaos import gauges
from loadtest.chaos.crowd import NotReached, clock

_CHILD = ROOT / "deploy" / "child.py"
_STOP_SECONDS = 12.0


class Private:
    """Child processes by name. All of them end with this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._how: dict[str, tuple[Sequence[str], Mapping[str, str] | None]] = {}

    def start(self, name: str, argv: Sequence[str], env: Mapping[str, str] | None = None) -> int:
        self._how[name] = argv, env
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_CHILD), str(os.getpid()), *argv],
                cwd=ROOT,
                env={**os.environ, **(env or {})},  # noqa: TID251 (a child inherits our environment)
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self._running[name].pid

    def start_again(self, name: str) -> None:
        """Wait for the end of a killed process, and start it with the same arguments and environment."""
        self._running[name].wait(_STOP_SECONDS)
        self.start(name, *self._how[name])

    def gateway(self, cluster: Cluster, number: int, env: Mapping[str, str] | None = None) -> str:
        """Run a gateway outside the supervisor, with `env` added to its environment; return its name."""
        process = cluster.control.process(f"gateway{number}")
        self.start(process.name, process.argv, {**process.env, **(env or {})})
        return process.name

    def pid(self, name: str) -> int:
        return self._running[name].pid

    def signal(self, name: str, number: signal.Signals) -> None:
        self._running[name].send_signal(number)

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(errors="replace")

    def close(self) -> None:
        for process in reversed(self._running.values()):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in reversed(self._running.values()):
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def private(folder: Path) -> Iterator[Private]:
    processes = Private(folder)
    try:
        yield processes
    finally:
        processes.close()


async def wait_ready(urls: Sequence[str], seconds: float = 30.0) -> None:
    """Wait until all of these URLs answer 200. Raise NotReached after `seconds`."""
    deadline = clock() + seconds
    for url in urls:
        while (await gauges.get(url, 1.0))[0] != 200:
            if clock() > deadline:
                raise NotReached(f"{url} is not ready within {seconds:g} s")
            await asyncio.sleep(0.1)
