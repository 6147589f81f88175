"""Fixtures: one API process for all tests of this folder, on a Redis with the accounts of a deployment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests import apis, s3
from tests.integration import media_rig
from tests.redis_accounts import redis_with_accounts


@pytest.fixture(scope="session")
def api_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Run a Redis server; yield a function that returns the URL of an account."""
    with redis_with_accounts(tmp_path_factory.mktemp("api-redis")) as url_of:
        yield url_of


@pytest.fixture(scope="session")
def api(api_redis: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[apis.Api]:
    key = asyncio.run(apis.make_key(api_redis("admin"), rate=100_000))
    with apis.api(tmp_path_factory.mktemp("api"), api_redis("api"), key) as running:
        yield running


@pytest.fixture
def client(api: apis.Api) -> Iterator[httpx.Client]:
    with api.client() as client:
        yield client


@pytest.fixture(scope="session")
def signer(api_redis: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run a signer and its object storage."""
    folder: Path = tmp_path_factory.mktemp("api-media")
    with s3.s3_server_on(folder) as storage, media_rig.signer(folder, api_redis("media"), storage.endpoint):
        yield
