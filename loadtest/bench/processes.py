"""Run the servers and load clients of a measurement; all of them end with the benchmark."""

from __future__ import annotations

import ctypes
import json
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from deploy import free_ports as ports
from deploy import tools

START_SECONDS = 30.0
STOP_SECONDS = 5.0
_PR_SET_PDEATHSIG = 1


class BenchError(RuntimeError):
    """The measurement cannot continue. The text is one line for the user of the command."""


def find_tool(name: str) -> str:
    """Return the path of a program that a measured server needs; raise BenchError with the package to install."""
    try:
        found = str(tools.require(name)) if name in tools.TOOLS else shutil.which(name)
    except tools.MissingTool as error:
        raise BenchError(str(error)) from None
    if found is None:
        package = {"node": "nodejs", "go": "golang"}.get(name, name)
        raise BenchError(f"{name} not found: install the package {package}")
    return found


def free_ports(count: int) -> list[int]:
    """Return loopback ports that were free a moment ago."""
    return ports.singles(count)


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Processes:
    """All processes of one measurement. Leaving the context ends them; the process that was started first ends last.

    `folder` is emptied at the start, and keeps logs and configurations afterwards.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []
        self._libc = ctypes.CDLL(None)

    def __enter__(self) -> Processes:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(self, *_: object) -> None:
        last, rest = self._running[:1], self._running[1:]  # the first is Redis, which the others need until they end
        for process in rest:
            process.terminate()
        for process in [*reversed(rest), *last]:
            stop(process)

    def start(
        self, name: str, command: Sequence[str], port: int | None = None, environment: Mapping[str, str] | None = None
    ) -> int:
        """Start a server and wait until it listens on `port`; return its process id. Output: `<name>.log`."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, preexec_fn=self._die_with_us
            )
        self._running.append(process)
        if port is not None:
            self._wait(process, name, port)
        return process.pid

    def redis(self, *options: str) -> tuple[int, int]:
        """Start a Redis without persistence (unless `options` add it); return its port and process id."""
        [port] = free_ports(1)
        command = [find_tool("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        command += ["--save", "", "--appendonly", "no", "--maxclients", "10000", *options]
        return port, self.start("redis", command, port)

    def agent(self, setup: str) -> LoadClient:
        """Start a load client with this setup (see `loadtest.bench.load_client`)."""
        client = LoadClient(
            [sys.executable, "-m", "loadtest.bench.load_client", setup], self.folder / "agent.log", self._die_with_us
        )
        self._running.append(client.process)
        return client

    def _wait(self, process: subprocess.Popen[bytes], name: str, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not _is_listening(port):
            if process.poll() is not None:
                raise BenchError(f"{name} ended at its start with status {process.returncode}: {self._last_line(name)}")
            if time.monotonic() > deadline:
                raise BenchError(f"{name} does not listen on port {port} after {START_SECONDS:g} s")
            time.sleep(0.02)

    def _last_line(self, name: str) -> str:
        lines = (self.folder / f"{name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"

    def _die_with_us(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, then SIGKILL to a process that does not end."""
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class LoadClient:
    """A running load client (`loadtest.bench.load_client`), which gives one answer to each command."""

    def __init__(self, command: Sequence[str], log: Path, preexec: Any) -> None:
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, preexec_fn=preexec
            )
        self._log = log

    def ask(self, within: float, /, **command: Any) -> dict[str, Any]:
        """Send a command and wait at most `within` seconds; raise BenchError for no answer or an error."""
        self.tell(**command)
        return self.answer(within)

    def tell(self, **command: Any) -> None:
        """Send a command without reading its answer, so that several load clients can work at the same time."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def answer(self, within: float) -> dict[str, Any]:
        """Wait at most `within` seconds for the answer to the oldest open command; raise BenchError for an error."""
        answer: dict[str, Any] = json.loads(self._read(within) or b'{"error": "the load client ended"}')
        if "error" in answer:
            raise BenchError(f"{answer['error']} (see {self._log})")
        return answer

    def kill(self) -> None:
        """Kill the load client: the kernel closes all its sockets at the same moment."""
        self.process.kill()
        self.process.wait()

    def _read(self, seconds: float) -> bytes:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(seconds):
                raise BenchError(f"the load client does not answer within {seconds:g} s (see {self._log})")
        return self.process.stdout.readline()
