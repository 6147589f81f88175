"""Fixtures that several test folders share."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings

from deploy import web_build
from tests import servers
from tests.shared_folders import shared_folder

SLOW_FOLDERS = ("browser", "packages", "cluster", "chaos", "attack", "chart")
"""Folders whose tests run for long or start whole clusters, the longest first."""
FIRST_FILE = "test_contents.py"
"""The test file that runs first."""

UNMEASURED_CHILDREN = ("integration/adapter", "integration/engineio", "integration/operations")
"""Folders in which coverage does not measure child processes: that slows the tests and adds little coverage."""

SLOW_SECONDS = 600
"""Time limit in seconds of a test in SLOW_FOLDERS: the fixtures of the first tests build the page and all packages."""

MEASURED_CHILDREN = "COVERAGE_PROCESS_CONFIG"
"""The environment variable that makes coverage measure the processes that tests start."""
_measured_children = os.environ.get(MEASURED_CHILDREN, "")

# Property-based tests must not depend on the machine's speed.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders, and sort the slowest folders first: a parallel run then ends with short files."""
    for item in items:
        if folder_of(item) in SLOW_FOLDERS:
            item.add_marker(pytest.mark.slow)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SLOW_SECONDS))
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = bounded(item.obj, seconds_of(item) * 0.9)
    items.sort(key=place_of)


def seconds_of(item: pytest.Item) -> float:
    """Return the time limit of a test in seconds."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker is not None else item.config.getini("timeout"))


def bounded(test: Callable[..., Awaitable[None]], seconds: float) -> Callable[..., Awaitable[None]]:
    """Return the test with an asyncio timeout: the event loop may swallow the exception of pytest-timeout's signal."""

    @functools.wraps(test)
    async def within(*args: Any, **kwargs: Any) -> None:
        async with asyncio.timeout(seconds):
            await test(*args, **kwargs)

    return within


def place_of(item: pytest.Item) -> int:
    """Return the rank of a test's folder. FIRST_FILE has the lowest rank: it builds packages for other files."""
    if item.path.name == FIRST_FILE:
        return -1
    folder = folder_of(item)
    return SLOW_FOLDERS.index(folder) if folder in SLOW_FOLDERS else len(SLOW_FOLDERS)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Measure the coverage of processes that tests start, except in the folders of UNMEASURED_CHILDREN."""
    if item.path.relative_to(Path(__file__).parent).as_posix().startswith(UNMEASURED_CHILDREN):
        os.environ.pop(MEASURED_CHILDREN, None)
    elif _measured_children:
        os.environ[MEASURED_CHILDREN] = _measured_children


def folder_of(item: pytest.Item) -> str:
    """Return the folder below `tests` that the test is in."""
    return item.path.relative_to(Path(__file__).parent).parts[0]


@pytest.fixture(scope="session")
def npm_packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the tarballs of the npm packages by name: `sdk` and `react`."""
    folder = shared_folder(tmp_path_factory, "npm", web_build.pack)
    return {path.name.split("-")[1]: path for path in folder.glob("*.tgz")}


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run a real Redis for the whole session on a free port."""
    folder: Path = tmp_path_factory.mktemp("redis")
    with servers.redis_server(folder) as port:
        yield port


@pytest.fixture
def redis_url(redis_port: int) -> str:
    """Return the URL of an empty Redis."""
    with redis.Redis(port=redis_port) as client:
        client.flushall()
    return f"redis://127.0.0.1:{redis_port}/0"
