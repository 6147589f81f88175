"""Fixtures of the gateway tests: two gateways per module, and clients that are closed after each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests import gateways, servers


@pytest.fixture(scope="session")
def gateway_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a Redis server for gateways that live longer than one test; yield its URL. No test empties this Redis."""
    with servers.redis_server(tmp_path_factory.mktemp("gateway-redis")) as port:
        yield f"redis://127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def pair(gateway_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[gateways.Gateway]]:
    """Run two gateways on one Redis. At the end of the module, both must exit with 0 and have logged no traceback."""
    with gateways.gateways(tmp_path_factory.mktemp("gateways"), gateway_redis, 2) as running:
        yield running


@pytest_asyncio.fixture
async def clients() -> AsyncIterator[gateways.Clients]:
    """Make signed-in clients, and close them at the end of the test."""
    made = gateways.Clients()
    yield made
    await made.close()
