"""Health and metrics over HTTP."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from roomcast.process import health_server


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
async def test_each_endpoint_has_its_status_and_body(path: str, is_ready: bool, status: int, body: str) -> None:
    async with (
        health_server.serve("127.0.0.1", 0, lambda: is_ready, lambda: b"sample_total 1.0\n") as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}{path}") as answer,
    ):
        assert (answer.status, await answer.text()) == (status, body)


async def test_the_content_type_of_a_scrape_names_the_format_version() -> None:
    async with (
        health_server.serve("127.0.0.1", 0, lambda: True, lambda: b"") as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: secret\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01 secret\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    ],
    ids=["long header", "long line", "TLS", "HTTP/2", "length"],
)
async def test_a_malformed_http_request_is_refused_without_a_traceback(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with health_server.serve("127.0.0.1", 0, lambda: True, lambda: b"") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request_bytes)
        async with asyncio.timeout(5):
            assert b" 400 " in await reader.readline()
        writer.close()
    assert "Traceback" not in caplog.text
    assert "secret" not in caplog.text
