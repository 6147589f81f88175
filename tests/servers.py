"""Real servers for the tests: each starts on a free loopback port and ends with its context."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy import free_ports

STARTUP_SECONDS = 60.0
SHUTDOWN_SECONDS = 15.0


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    return free_ports.singles(1)[0]


def wait_until(condition: Callable[[], bool], what: str, seconds: float = STARTUP_SECONDS) -> None:
    """Poll until `condition` is true; after `seconds`, raise TimeoutError with the text `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(0.02)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, then SIGKILL when the process does not end."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(SHUTDOWN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def base_environment() -> dict[str, str]:
    """Return the environment of every process under test: PATH, the selected build, and coverage's variables."""
    kept = ("ROOMCAST_HOTPATH", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
    return {"PATH": os.defpath} | {name: os.environ[name] for name in kept if name in os.environ}


def find_tool(name: str) -> str:
    """Return the path of a server binary: on PATH, in sbin, or unpacked by the set-up."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        from deploy import tools  # the set-up unpacks a tool into the state folder if the system has none

        found = str(tools.require(name))
    return found


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[int]:
    """Run a Redis on a free port, without persistence unless `options` add it; yield the port."""
    port = free_port()
    arguments = [find_tool("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    arguments += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction", *options]
    with (folder / "redis.log").open("wb") as log:
        process = subprocess.Popen(arguments, stdout=log, stderr=log)
    try:
        wait_until(lambda: is_listening(port), f"redis-server on port {port}")
        yield port
    finally:
        stop(process)
