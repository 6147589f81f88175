"""Run a whole cluster for tests, with the code of `make run`, on free ports.

    with Cluster(free_base(), tmp_path) as cluster:
        requests.get(cluster.url)
        cluster.kill("gateway1")

The cluster is a child process with its own supervisor. It stops at the end of the `with` block. It also stops when the
thread that entered the block ends, even by a kill of the test process. So enter the block in the main thread.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from deploy import free_ports, prepare, readiness, run, tools
from deploy.control import Control
from deploy.layout import GATEWAY_CAPACITY, ROOT, Ports
from deploy.logs import last_words
from deploy.processes import Process

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05
_CHILD: Final = Path(__file__).with_name("child.py")


class ClusterFailed(RuntimeError):
    """The cluster did not start, or did not reach the requested state; the text says why."""


def free_base(attempts: int = 20) -> int:
    """Return the first port of a free block, and hold it for this process. Raise ClusterFailed if none is free."""
    for _ in range(attempts):
        base = free_ports.hold_block()
        try:
            prepare.check_ports(Ports(base))
        except prepare.CannotStart:
            continue
        return base
    raise ClusterFailed("no free block of ports")


class Cluster:
    """A running cluster. Its data stay in the folder `state`, so that a later Cluster with this folder can use them."""

    def __init__(
        self,
        base_port: int,
        state: Path,
        *,
        gateways: int = 2,
        capacity: int = GATEWAY_CAPACITY,
        sweepers: int = 1,
        signers: int = 1,
        apis: int = 0,
        page: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`page`: the folder of a built page (default: build web/); `env`: more variables for the processes."""
        self.ports = Ports(base_port)
        self.state = state
        self._counts = {"--gateways": gateways, "--capacity": capacity, "--sweepers": sweepers, "--signers": signers}
        self._counts["--apis"] = apis
        self._page = page
        self._env = dict(env or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._control: Control | None = None

    @classmethod
    def attach(cls, state: Path) -> Self:
        """Return the running cluster of the folder `state`; `close` does not stop it. Raise NotRunning if none runs."""
        control = Control(state)
        cluster = cls(control.ports.page, state)
        cluster._control = control
        return cluster

    # --- start and stop -------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        page = self._page or run.set_up(tools.quiet)
        self.state.mkdir(parents=True, exist_ok=True)
        arguments = ["--state", str(self.state), "run", "--port", str(self.ports.page), "--page", str(page)]
        for name, value in self._counts.items():
            arguments += [name, str(value)]
        own = [sys.executable, "-m", "deploy", *arguments]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_CHILD), str(os.getpid()), *own],
                cwd=ROOT,
                env={**os.environ, **self._env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            self._wait_started()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop all processes in order; raise ClusterFailed if that takes too long. A second call does nothing."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise ClusterFailed(f"the supervisor did not stop: {last_words(self._output)}") from None
        finally:
            free_ports.release_block(self.ports.page)

    def _wait_started(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        started = f"http://localhost:{self.ports.page}"
        while started not in self._output.read_text():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise ClusterFailed(last_words(self._output))
            time.sleep(POLL_SECONDS)
        self._control = Control(self.state)

    @property
    def _output(self) -> Path:
        return self.state / "supervisor.out"

    # --- addresses and secrets ----------------------------------------------------------------------------------------

    @property
    def control(self) -> Control:
        """The supervisor's control; raises ClusterFailed before the start."""
        if self._control is None:
            raise ClusterFailed("not started")
        return self._control

    @property
    def url(self) -> str:
        """The address of the page and the socket, through nginx."""
        return f"http://localhost:{self.ports.page}"

    def redis_url(self, account: str = "admin") -> str:
        """Return the URL of the cluster's Redis for `gateway`, `presence`, `media`, `backend` or `admin`."""
        return self.control.credentials.redis_url(account, self.ports.redis)

    @property
    def jwt_secret(self) -> str:
        """The secret that signs tokens."""
        return self.control.credentials.jwt_secret

    @property
    def cluster_key(self) -> str:
        """The secret that seals messages between processes."""
        return self.control.credentials.cluster_key

    def metrics_url(self, name: str, path: str = "/metrics") -> str:
        """Return the address of a process's health and metrics, which are not reachable through nginx."""
        return f"http://127.0.0.1:{self._named(name).ready.port}{path}"

    def log(self, name: str) -> str:
        """Return all that the process has printed so far."""
        path = self.state / "logs" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- actions on processes --------------------------------------------------------------------------------------

    def pids(self) -> dict[str, int]:
        """Return the ids of all running processes by name: redis, s3, nginx, gateway1…, sweeper1…, signer1… ."""
        return self.control.pids()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one process and return its pid. The supervisor starts the process again if it ends."""
        pid = self.pids()[name]
        os.kill(pid, number)
        return pid

    def wait_ready(self, *names: str, seconds: float = 30.0) -> None:
        """Wait until the named processes (default: all that run) are ready. Raise ClusterFailed after `seconds`."""
        wanted = [self._named(name) for name in names or self.pids()]
        unready = readiness.first_unready(wanted, self.control.credentials, seconds)
        if unready is not None:
            raise ClusterFailed(
                f"{unready.name} is not ready: {last_words(self.state / 'logs' / f'{unready.name}.log')}"
            )

    def wait_replaced(self, name: str, pid: int, seconds: float = 30.0) -> int:
        """Wait until a process other than `pid` is ready under this name; return its pid.

        Raise ClusterFailed after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while (found := self.pids().get(name, pid)) == pid:
            if time.monotonic() > deadline:
                raise ClusterFailed(f"{name} did not come back")
            time.sleep(POLL_SECONDS)
        self.wait_ready(name, seconds=deadline - time.monotonic())
        return found

    def scale(self, gateways: int) -> None:
        """Run exactly the gateways 1 to `gateways`; return when these are ready and the other gateways have drained."""
        self.control.scale("gateway", gateways)

    def restart(self, name: str) -> None:
        """Stop a process with SIGTERM and start it again; return when it is ready."""
        self.control.restart(name)

    def _named(self, name: str) -> Process:
        return self.control.process(name)
