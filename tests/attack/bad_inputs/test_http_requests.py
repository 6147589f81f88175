"""HTTP requests with a foreign origin, a forged client address, a forged session id or an operators' path."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import pytest

from tests.attack.bad_inputs.targets import CONNECT_SECONDS, Target
from tests.gateways import unique
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SESSIONS: Final = 3_000
"""Sessions that the attacker tries to open from one address."""
AT_ONCE: Final = 50
"""Connections that a `caller` may use at a time."""
POLLING: Final = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET: Final = "/socket.io/?EIO=4&transport=websocket"
UPGRADE: Final = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@asynccontextmanager
async def caller(source: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Open an HTTP client that sends from an address of the loopback network."""
    connector = aiohttp.TCPConnector(local_addr=(source, 0), limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(20.0)) as http:
        yield http


async def status(http: aiohttp.ClientSession, url: str, **headers: str) -> int:
    """Return the status of a GET."""
    async with http.get(url, headers=headers) as answer:
        return answer.status


async def outcome(http: aiohttp.ClientSession, url: str, **headers: str) -> str:
    """Return the status of a GET that opens a session, with the reason of a refusal."""
    async with http.get(url, headers=headers) as answer:
        text = await answer.text()
        return "200" if answer.status == 200 else f"{answer.status} {json.loads(text).get('reason', text)}"


@pytest.mark.parametrize("is_forging", [False, True], ids=["honest", "forged X-Forwarded-For"])
async def test_sessions_without_connect_are_limited_per_address(target: Target, is_forging: bool) -> None:
    """A forged header does not raise the limit.

    Other addresses are served meanwhile. The limited address is served again once its sessions have timed out.
    """
    source = f"127.0.{'78'[is_forging]}.{'12'[target.name == 'nginx']}"
    async with caller(source) as http:

        async def ask(number: int) -> str:
            forged = {"X-Forwarded-For": f"198.51.{number // 250}.{number % 250}"} if is_forging else {}
            return await outcome(http, target.url + POLLING, **forged)

        outcomes = Counter(await asyncio.gather(*(ask(number) for number in range(SESSIONS))))
        # On a busy machine new sessions wait for a place, and the gateway refuses those that have waited for 5 s.
        assert set(outcomes) <= {"200", "429 pending", "503 admission"}, outcomes
        assert outcomes["429 pending"]
        assert outcomes["200"] < SESSIONS / 2, "at most half of the sessions were refused"
        async with caller("127.0.5.5") as neighbour:
            assert await status(neighbour, target.url + POLLING) == 200

        async def is_served() -> bool:
            return await status(http, target.url + POLLING) == 200

        await until(is_served, "the address is served again", CONNECT_SECONDS + 5.0)


ORIGINS: Final = {
    "foreign": "https://evil.example",
    "null": "null",
    "longer": "http://127.0.0.1:{port}.evil.example",
    "another port": "http://127.0.0.1:1",
    "another scheme": "ftp://127.0.0.1:{port}",
    "with a user": "http://127.0.0.1:{port}@evil.example",
    "with a path": "http://127.0.0.1:{port}/x",
}


@pytest.mark.parametrize("kind", ORIGINS)
async def test_foreign_origins_are_refused(target: Target, kind: str) -> None:
    origin = ORIGINS[kind].format(port=target.url.rpartition(":")[2])
    async with caller("127.0.0.1") as http:
        assert await status(http, target.url + POLLING, Origin=origin) == 403
        assert await status(http, target.url + WEBSOCKET, Origin=origin, **UPGRADE) == 403


async def test_the_origin_of_the_page_itself_is_accepted(target: Target) -> None:
    origin = f"http://localhost:{target.cluster.ports.page}"
    async with caller("127.0.0.1") as http:
        assert await status(http, target.url + POLLING, Origin=origin) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/metrics",
        "/metrics/",
        "//metrics",
        "/%6detrics",
        "/healthz",
        "/readyz",
        "/livez",
        "/ops",
        "/admin/x",
        "/debug/pprof",
        "/socket.io/../metrics",
        "/.git/config",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
async def test_operators_paths_are_not_reachable(target: Target, path: str) -> None:
    """Send each path over a raw socket, because an HTTP client would normalise the path."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(target.url.rpartition(":")[2]))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(5):
        answer = await reader.read(100_000)
    writer.close()
    assert int(answer.split(b" ", 2)[1]) in (400, 403, 404), answer[:200]
    assert b"roomcast_" not in answer


async def test_a_forged_session_id_is_refused(target: Target) -> None:
    """Nginx derives the gateway's address from the session id, so an invalid id must not lead to another address."""
    async with caller("127.0.0.1") as http:
        for sid in ("g1.x@evil", "g99999.x", "g0.x", "127.0.0.1:1", "g1", "../x", "g1.%00", unique("g9.")):
            assert await status(http, f"{target.url}{POLLING}&sid={sid}") == 400
