"""Fixtures that several test folders share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests import servers


@pytest.fixture(scope="session")
def redis_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real Redis for the whole session, on a free port."""
    folder: Path = tmp_path_factory.mktemp("redis")
    with servers.redis_server(folder) as port:
        yield port


@pytest.fixture
def redis_url(redis_port: int) -> str:
    """The URL of an empty Redis."""
    with redis.Redis(port=redis_port) as client:
        client.flushall()
    return f"redis://127.0.0.1:{redis_port}/0"
