"""Applications that install the npm packages, and the clients that their pages open."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from deploy.cluster import Cluster, free_base

INSTALL_SECONDS = 240
SETTLE_SECONDS = 10.0


@contextmanager
def cluster_for(port: int, factory: pytest.TempPathFactory, *, apis: int = 0) -> Iterator[Cluster]:
    """Run a cluster that lets in the pages of an application on `port`; it has no page of its own."""
    folder, served = factory.mktemp("cluster"), factory.mktemp("page")
    (served / "index.html").write_text("<!doctype html><title>Roomcast</title>")
    origins = {"ROOMCAST_ALLOWED_ORIGINS": f"http://localhost:{port}"}
    base = next(base for base in iter(free_base, None) if base != port)
    with Cluster(base, folder, gateways=2, apis=apis, page=served, env=origins) as running:
        yield running


def install(folder: Path, tarballs: Iterable[Path]) -> None:
    """Install what the lock file names, then the packed SDK and hooks, as the README says."""
    run(["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"], folder)
    run(["npm", "install", "--no-audit", "--no-fund", "--prefer-offline", *map(str, tarballs)], folder)


def run(command: list[str], folder: Path) -> str:
    """Run a command in `folder`, and return its output; it must end with 0."""
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def connections(chat: Cluster) -> int:
    """Return how many clients are signed in, on all gateways."""
    texts = [requests.get(chat.metrics_url(name), timeout=5).text for name in ("gateway1", "gateway2")]
    found = [re.search(r"^roomcast_gateway_connections (\S+)$", text, re.MULTILINE) for text in texts]
    return sum(int(float(match[1])) for match in found if match)


def settle(chat: Cluster, count: int) -> None:
    """Wait until the gateways have this many clients."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (found := connections(chat)) != count:
        assert time.monotonic() < deadline, f"{found} connections instead of {count}"
        time.sleep(0.1)
