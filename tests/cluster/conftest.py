"""One real cluster for the tests of this folder: Redis, object storage, nginx, two gateways, sweeper, signer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cluster import Cluster, free_base


@pytest.fixture(scope="session")
def small_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page that needs no build: these tests look at how it is served, not at what it does."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "assets").mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Roomcast</title>")
    (folder / "assets" / "app-0a1b2c3d.js").write_text("/* " + "x" * 4000 + " */")
    return folder


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, small_page: Path) -> Iterator[Cluster]:
    with Cluster(free_base(), tmp_path_factory.mktemp("cluster"), page=small_page) as running:
        yield running
