"""Run applications that install the npm packages, and count the clients that their pages connect."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from deploy.cluster import Cluster, free_base

INSTALL_SECONDS = 240
SETTLE_SECONDS = 10.0
START_SECONDS = 60


@contextmanager
def cluster_for(port: int, factory: pytest.TempPathFactory, *, apis: int = 0) -> Iterator[Cluster]:
    """Run a cluster that accepts connections from an application on `port`; the cluster's own page is empty."""
    folder, served = factory.mktemp("cluster"), factory.mktemp("page")
    (served / "index.html").write_text("<!doctype html><title>Roomcast</title>")
    origins = {"ROOMCAST_ALLOWED_ORIGINS": f"http://localhost:{port}"}
    base = next(base for base in iter(free_base, None) if base != port)
    with Cluster(base, folder, gateways=2, apis=apis, page=served, env=origins) as running:
        yield running


def run(command: list[str], folder: Path) -> str:
    """Run a command in `folder` and return its output; fail unless the command succeeds."""
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def serving(command: list[str], folder: Path, environment: Mapping[str, str], url: str) -> Iterator[None]:
    """Start a server in `folder`, wait until it answers at `url`, and stop it at the end of the block."""
    log = folder / "server.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(url):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(url: str) -> bool:
    """Tell whether a server answers at this URL."""
    try:
        return requests.get(url, timeout=START_SECONDS).status_code == 200
    except requests.ConnectionError:
        return False


def connections(chat: Cluster) -> int:
    """Return how many clients are signed in, on all gateways."""
    texts = [requests.get(chat.metrics_url(name), timeout=20).text for name in ("gateway1", "gateway2")]
    found = [re.search(r"^roomcast_gateway_connections (\S+)$", text, re.MULTILINE) for text in texts]
    return sum(int(float(match[1])) for match in found if match)


def settle(chat: Cluster, count: int) -> None:
    """Wait until exactly this many clients are signed in."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := connections(chat)) != count:
        assert time.monotonic() < deadline, f"{found} connections instead of {count}"
        time.sleep(0.1)
