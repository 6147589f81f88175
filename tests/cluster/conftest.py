"""One real cluster for the tests of this folder: Redis, object storage, nginx, two gateways, sweeper, signer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from deploy.cluster import Cluster, free_base
from tests.cluster import polling
from tests.cluster.people import Party


@pytest.fixture(scope="session")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page that needs no build: these tests look at how it is served, not at what it does."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Roomcast</title>")
    (folder / "assets" / "app-0a1b2c3d.js").write_text("/* " + "x" * 4000 + " */")
    return folder


@pytest.fixture(scope="package")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory, small_page: Path) -> Iterator[Cluster]:
    with Cluster(free_base(), tmp_path_factory.mktemp("cluster"), page=small_page) as running:
        yield running


@pytest.fixture(scope="module")
def cluster(shared_cluster: Cluster) -> Cluster:
    """The cluster, whole again after what earlier files did to it; their rooms are still there."""
    shared_cluster.wait_ready()
    polling.wait_until_reached(shared_cluster.url, {1, 2})
    return shared_cluster


@pytest.fixture
async def party(cluster: Cluster) -> AsyncIterator[Party]:
    """Makes people, who go home with the test."""
    party = Party(cluster)
    yield party
    await party.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that gives up before the test does."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(polling.WAIT_SECONDS)) as session:
        yield session
