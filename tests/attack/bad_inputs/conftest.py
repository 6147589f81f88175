"""Fixtures: one cluster per test process, shared by all tests of this folder, and the checks after each test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from deploy.cluster import Cluster, free_base
from tests.attack.bad_inputs.targets import (
    SETTINGS,
    Conversation,
    Health,
    Target,
    conversation,
    targets_of,
)
from tests.attack.running_cluster import running_cluster


@pytest.fixture(scope="session")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Run a cluster with the bounds of SETTINGS. At its end, processes must be idle, and no log may contain secrets."""
    if (running := running_cluster()) is not None:
        yield running
        Health(running).assert_logs_are_clean()
        return
    page: Path = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<!doctype html><title>Roomcast</title>")
    with Cluster(free_base(), tmp_path_factory.mktemp("attacked"), page=page, env=SETTINGS) as cluster:
        health = Health(cluster)
        yield cluster
        asyncio.run(health.assert_idle())
        health.assert_logs_are_clean()


@pytest.fixture(params=["direct", "nginx"])
def target(request: pytest.FixtureRequest, attacked: Cluster) -> Target:
    """Return a route to the gateways. Each test with this fixture runs twice: directly, and through nginx."""
    return targets_of(attacked)[request.param]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bystanders(attacked: Cluster) -> AsyncIterator[Conversation]:
    """Connect two people for all tests of a module."""
    async with conversation(targets_of(attacked)["nginx"]) as talk:
        yield talk


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def bystanders_still_talk(attacked: Cluster, bystanders: Conversation) -> AsyncIterator[None]:
    """After each test, let the bystanders send messages; wait until each process is back at its earlier memory."""
    health = Health(attacked)
    yield
    await bystanders.talk()
    await health.assert_memory_is_back()
