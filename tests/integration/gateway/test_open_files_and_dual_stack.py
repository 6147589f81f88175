"""A gateway at its limit of open files, and a gateway that listens on every address."""

from __future__ import annotations

import asyncio
import resource
import socket
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.gateways import Clients, Gateway, gateway
from tests.waiting import until

OPEN_FILES = 160
"""Limit of open files that the test sets for the gateway."""
_OPENING = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
)


async def _open(one: Gateway) -> tuple[bytes, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", one.port)
    writer.write(_OPENING)
    try:
        async with asyncio.timeout(5):
            return await reader.readline(), writer
    except ConnectionError:
        return b"", writer


async def test_a_gateway_at_its_limit_of_open_files_logs_it_once_and_stays_healthy(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    refused = 'roomcast_gateway_refused_requests_total{reason="descriptors",status="503"}'
    with gateway(tmp_path, redis_url, "1", PENDING_PER_ADDRESS="1000", CONNECT_SECONDS="60") as one:
        ada = await clients(one, "ada")
        resource.prlimit(one.process.pid, resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
        opened = [await _open(one) for _ in range(OPEN_FILES + 50)]
        lines = [line for line, _ in opened]

        assert lines[0].startswith(b"HTTP/1.1 101 ")
        assert lines[-1].startswith(b"HTTP/1.1 503 ")
        assert sum(line.startswith(b"HTTP/1.1 503 ") for line in lines) >= 50
        assert one.get("/healthz")[0] == 200
        assert one.metric(refused) >= 50
        assert one.said().count("open files is left") == 1
        await ada.join("public:talk")
        await ada.send("public:talk", "still here")

        for _, writer in opened:
            writer.transport.abort()

        async def is_admitted() -> bool:
            line, writer = await _open(one)
            writer.transport.abort()
            return line.startswith(b"HTTP/1.1 101 ")

        await until(is_admitted, "new sessions are admitted again")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
async def test_listening_on_every_address_includes_ipv4(redis_url: str, tmp_path: Path) -> None:
    with gateway(tmp_path, redis_url, "1", HOST="::", METRICS_HOST="::") as one:
        async with ClientSession() as http:
            for host in ("127.0.0.1", "[::1]"):
                url = f"http://{host}:{one.port}/socket.io/?EIO=4&transport=polling"
                async with http.get(url) as response:
                    assert response.status == 200
                async with http.get(f"http://{host}:{one.metrics_port}/healthz") as response:
                    assert response.status == 200
