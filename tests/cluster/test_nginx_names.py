"""Gateways by DNS name: nginx sends a session with number n (1 to 9999) to `gateway-<n>`, looked up on demand."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from aiohttp import web

from deploy import compose, nginx_config, prepare, tools
from deploy.layout import Paths
from deploy.processes import nginx_command
from tests import servers
from tests.cluster import polling

UNKNOWN_SESSION = {"code": 1, "message": "Session ID unknown"}


_A_RECORD = b"\xc0\x0c\0\1\0\1" + (1).to_bytes(4, "big") + b"\0\4"
"""A DNS answer up to its address: the name of the question, type A, class IN, a TTL of 1 s, a length of 4 bytes."""


class Names(asyncio.DatagramProtocol):
    """A name server (RFC 1035) that answers questions for A records from a dictionary."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        name, question = _question(data)
        self.asked.append(name)
        found = self.addresses.get(name)
        flags, answers = (b"\x81\x80", b"\0\1") if found else (b"\x81\x83", b"\0\0")
        head = data[:2] + flags + b"\0\1" + answers + bytes(4)
        answer = _A_RECORD + bytes(map(int, found.split("."))) if found else b""
        self._transport.sendto(head + question + answer, address)


def _question(data: bytes) -> tuple[str, bytes]:
    """Return the name that a query asks for, and its question section."""
    labels, at = [], 12
    while size := data[at]:
        labels.append(data[at + 1 : at + 1 + size].decode())
        at += 1 + size
    return ".".join(labels), data[12 : at + 5]


@dataclass
class Named:
    """nginx in front of gateways that it finds by name; `start(n)` runs a server that answers with its number."""

    url: str
    port: int
    names: Names
    runners: list[web.AppRunner] = field(default_factory=list)

    async def start(self, number: int) -> None:
        async def answer(_: web.Request) -> web.Response:
            return web.Response(text=str(number))

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        self.runners.append(web.AppRunner(app))
        await self.runners[-1].setup()
        host = f"127.8.{number // 256}.{number % 256}"
        await web.TCPSite(self.runners[-1], host, self.port).start()
        self.names.addresses[f"gateway-{number}"] = host


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Named]:
    """Run nginx with compose's values, except for the test's own addresses."""
    page, dns, gateways = (servers.free_port() for _ in range(3))
    transport, names = await asyncio.get_running_loop().create_datagram_endpoint(Names, local_addr=("127.0.0.1", dns))
    values = compose.nginx_values() | {
        "PAGE_LISTEN": f"127.0.0.1:{page}",
        "NGINX_RUN": "run",
        "NGINX_WORKERS": "1",
        "NGINX_CONNECTIONS": "512",
        "RESOLVER": f"resolver 127.0.0.1:{dns} valid=1s ipv6=off;",
        "S3_SERVER": "127.0.0.1:1",
        "WEB_ROOT": "page",
        "GATEWAY_NAME_END": f":{gateways}",
    }
    for name in ("GATEWAY_SERVERS", "WEBSOCKET_SERVERS"):  # `resolve` needs a newer nginx than Debian's
        values[name] = re.sub(r"\S+ resolve", f"127.8.0.1:{gateways}", values[name])
    with prepare.public_folder(folder) as public:
        paths = Paths(state=folder, public=public)
        paths.run.mkdir(exist_ok=True)
        paths.nginx_config.write_text(nginx_config.render(values))
        process = subprocess.Popen(nginx_command(str(tools.require("nginx")), paths, prepare.worker_user()))
        named = Named(f"http://127.0.0.1:{page}", gateways, names)
        try:
            servers.wait_until(lambda: servers.is_listening(page), "nginx")
            yield named
        finally:
            servers.stop(process)
            transport.close()
            for runner in named.runners:
                await runner.cleanup()


@pytest.fixture
async def named(tmp_path: Path) -> AsyncIterator[Named]:
    async with running(tmp_path) as started:
        yield started


async def test_numbers_up_to_9999_lead_to_their_own_gateways(named: Named, http: aiohttp.ClientSession) -> None:
    numbers = [1, 9, 10, 17, 99, 100, 640, 4711, 9999]
    for number in numbers:
        await named.start(number)
    for number in numbers:
        answer = await http.get(polling.endpoint(named.url, f"g{number}.aaaa"))
        assert (answer.status, await answer.text()) == (200, str(number))


async def test_nginx_finds_a_gateway_that_starts_later_without_a_reload(
    named: Named, http: aiohttp.ClientSession
) -> None:
    url = polling.endpoint(named.url, "g300.aaaa")
    answer = await http.get(url)
    assert (answer.status, await answer.json()) == (400, UNKNOWN_SESSION)
    await named.start(300)
    async with asyncio.timeout(polling.WAIT_SECONDS):
        while (await http.get(url)).status != 200:
            await asyncio.sleep(0.05)


async def test_nginx_finds_the_new_address_of_a_gateway(named: Named, http: aiohttp.ClientSession) -> None:
    await named.start(5)
    url = polling.endpoint(named.url, "g5.aaaa")
    assert await (await http.get(url)).text() == "5"
    await named.start(6)
    named.names.addresses["gateway-5"] = named.names.addresses["gateway-6"]
    async with asyncio.timeout(polling.WAIT_SECONDS):
        while await (await http.get(url)).text() != "6":
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "sid", ["g0.aaaa", "g10000.aaaa", "g1.evil.example.com", "g1@evil.aaaa", "g01.aaaa", "-g1.aaaa"]
)
async def test_a_session_id_cannot_make_nginx_look_up_another_name(
    named: Named, http: aiohttp.ClientSession, sid: str
) -> None:
    """Only the number in a session id is looked up, no text after the number."""
    answer = await http.get(polling.endpoint(named.url, sid))
    assert (answer.status, await answer.json()) == (400, UNKNOWN_SESSION)
    assert set(named.names.asked) <= {"gateway-1"}
