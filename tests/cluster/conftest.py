"""One real cluster for the tests of this folder: Redis, object storage, nginx, two gateways, sweeper, signer."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from deploy import web_build
from deploy.cluster import Cluster, free_base
from tests.cluster import polling
from tests.cluster.room_clients import Party


@pytest.fixture(scope="session")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a page that needs no build: these tests check how nginx serves it, not its behaviour."""
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
    """Return the shared cluster, once all its processes are ready again; rooms of earlier test files still exist."""
    shared_cluster.wait_ready()
    polling.wait_until_reached(shared_cluster.url, {1, 2})
    return shared_cluster


@pytest.fixture
async def party(cluster: Cluster) -> AsyncIterator[Party]:
    """Yield a factory of people, whose connections end with the test."""
    party = Party(cluster)
    yield party
    await party.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """Yield an HTTP client whose timeout is shorter than the test's."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(polling.WAIT_SECONDS)) as session:
        yield session


@pytest.fixture(scope="session")
def sdk_folder(npm_packages: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder in which Node scripts can import the packed SDK as `@roomcast/sdk`."""
    folder = tmp_path_factory.mktemp("sdk")
    modules = folder / "node_modules"
    installed = modules / "@roomcast" / "sdk"
    installed.mkdir(parents=True)
    shutil.unpack_archive(npm_packages["sdk"], folder, "gztar")
    (folder / "package").rename(installed)
    for package in (web_build.SOURCES / "node_modules").iterdir():
        if package.name != "@roomcast":
            (modules / package.name).symlink_to(package)
    return folder
