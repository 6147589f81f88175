"""Provide one Chromium, and one cluster with the real page, for all tests of this folder.

The tests are synchronous, because Playwright's synchronous API runs an event loop in the thread of the tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from deploy import browser
from deploy.cluster import Cluster, free_base
from tests.browser.page_users import Guests


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(free_base(), tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """Launch Chromium's headless shell, or the whole Chromium when there is no headless shell."""
    whole = browser.ensure()
    with launched(driver, browser.headless_shell() or whole) as running:
        yield running


@contextmanager
def launched(driver: Playwright, path: Path) -> Iterator[Browser]:
    """Launch a browser without a GPU process. On a machine without a graphics card, this saves CPU time."""
    running = driver.chromium.launch(executable_path=path, args=["--disable-gpu"])
    yield running
    running.close()


@pytest.fixture
def guests(cluster: Cluster, chromium: Browser, tmp_path: Path) -> Iterator[Guests]:
    """Yield a factory of pages. Fail after the test if a page has logged an error or a policy violation."""
    guests = Guests(cluster, chromium, tmp_path)
    yield guests
    guests.close()
    assert guests.complaints == []
