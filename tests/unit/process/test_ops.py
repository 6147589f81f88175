"""Health and metrics over HTTP."""

from __future__ import annotations

import aiohttp
import pytest

from roomcast.process import ops


@pytest.mark.parametrize(
    ("path", "is_ready", "status", "body"),
    [
        ("/healthz", False, 200, "ok\n"),
        ("/readyz", True, 200, "ready\n"),
        ("/readyz", False, 503, "not ready\n"),
        ("/metrics", False, 200, "sample_total 1.0\n"),
        ("/", True, 404, "404: Not Found"),
    ],
)
async def test_the_endpoints(path: str, is_ready: bool, status: int, body: str) -> None:
    async with (
        ops.serve("127.0.0.1", 0, lambda: is_ready, lambda: b"sample_total 1.0\n") as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        assert (answer.status, await answer.text()) == (status, body)


async def test_a_scrape_names_the_version_of_its_format() -> None:
    async with (
        ops.serve("127.0.0.1", 0, lambda: True, lambda: b"") as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
