"""Fixtures: a gateway under attack, a Redis server for one module, and signed-in clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests import gateways, servers
from tests.attack.running_cluster import ROUTES, running_cluster, running_gateways
from tests.attack.victim import Victim


@pytest.fixture(scope="module", params=["own"] if running_cluster() is None else ROUTES)
def victim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """Run a gateway for a module; at the end it must exit with 0. If a cluster runs, yield this cluster per route."""
    if (cluster := running_cluster()) is not None:
        yield Victim(*running_gateways(cluster, request.param))
        return
    with servers.redis_server(tmp_path_factory.mktemp("redis")) as port:
        folder = tmp_path_factory.mktemp("gateway")
        url = f"redis://127.0.0.1:{port}/0"
        with gateways.gateway(folder, url, PING_TIMEOUT_SECONDS="2", PENDING_PER_ADDRESS="50") as running:
            yield Victim(running)


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Redis server for one test module; yield its URL."""
    with servers.redis_server(tmp_path_factory.mktemp("redis")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def gateway(own_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[gateways.Gateway]:
    """Run one gateway with the default settings for one test module."""
    with gateways.gateway(tmp_path_factory.mktemp("gateway"), own_redis) as running:
        yield running


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[gateways.Clients]:
    """Make signed-in clients, and close them at the end of the test."""
    made = gateways.Clients()
    yield made
    await made.close()
