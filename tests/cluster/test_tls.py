"""TLS on all connections at once: client to nginx, nginx to gateways, gateways to Redis, and the scrape of metrics."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
import socketio

from deploy import nginx_config, prepare, tools
from deploy.layout import Paths, Ports
from deploy.processes import nginx_command
from tests import health, servers
from tests.certificates import Authority, Pair
from tests.gateways import CLUSTER_KEY, Gateway, gateways, run_once, token, unique
from tests.waiting import until

LOBBY = "public:lobby"
NAME = "localhost"


class Chain(NamedTuple):
    """nginx in front of two gateways on one Redis, all with certificates and TLS."""

    port: int
    running: list[Gateway]
    authority: Authority
    folder: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("tls")
    authority = Authority(folder)
    page, gate, store = (authority.sign(name) for name in ("page", "gate", "redis"))
    secure = servers.free_port()
    files = ("--tls-cert-file", str(store.certificate), "--tls-key-file", str(store.key))
    options = ("--tls-port", str(secure), *files, "--tls-ca-cert-file", str(authority.certificate))
    tls = {"TLS_CERTIFICATE": str(gate.certificate), "TLS_KEY": str(gate.key)}
    settings = {**tls, "CLUSTER_KEY": CLUSTER_KEY, "DRAIN_SECONDS": "1"}
    redis_url = f"rediss://127.0.0.1:{secure}/0?ssl_ca_certs={authority.certificate}"
    with (
        servers.redis_server(folder, *options, "--tls-auth-clients", "no"),
        gateways(folder, redis_url, 2, authority.certificate, **settings) as running,
        nginx(folder / "nginx", authority.certificate, page, running) as port,
    ):
        yield Chain(port, running, authority, folder)


@contextmanager
def nginx(folder: Path, authority: Path, page: Pair, running: list[Gateway]) -> Iterator[int]:
    """Run nginx with the certificate `page`; it accepts gateways with certificates of `authority`. Yield its port."""
    port = servers.free_port()
    addresses = [f"127.0.0.1:{gateway.port}" for gateway in running]
    with prepare.public_folder(folder) as public:
        paths = Paths(state=folder, public=public)
        paths.run.mkdir(parents=True, exist_ok=True)
        trusted = public / "gateways.pem"
        shutil.copy(authority, trusted)
        values = nginx_config.local_values(Ports(port), cpus=1, open_files=512) | {
            "PAGE_LISTEN": f"127.0.0.1:{port} ssl",
            "PAGE_TLS": nginx_config.page_tls(str(page.certificate), str(page.key)),
            "GATEWAY_SCHEME": "https",
            "GATEWAY_TLS": nginx_config.gateway_tls(str(trusted), NAME),
            "GATEWAY_SERVERS": nginx_config.gateway_servers(addresses),
            "WEBSOCKET_SERVERS": nginx_config.websocket_servers(addresses),
            "GATEWAY_UPSTREAMS": nginx_config.gateway_upstreams(addresses),
        }
        paths.nginx_config.write_text(nginx_config.render(values))
        with (folder / "nginx.log").open("wb") as log:
            command = nginx_command(str(tools.require("nginx")), paths, prepare.worker_user())
            process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            servers.wait_until(lambda: servers.is_listening(port), "nginx")
            yield port
        finally:
            servers.stop(process)


@asynccontextmanager
async def signed_in(chain: Chain, user: str, transport: str) -> AsyncIterator[tuple[Any, list[dict[str, Any]]]]:
    """Connect a client, which trusts the authority, through nginx; yield the client and the list of its messages."""
    trust = ssl.create_default_context(cafile=str(chain.authority.certificate))
    heard: list[dict[str, Any]] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        client = socketio.AsyncClient(reconnection=False, http_session=session)
        client.on("message", lambda message, *_: heard.append(message))
        await client.connect(chain.url, auth={"token": token(user)}, transports=[transport])
        try:
            yield client, heard
        finally:
            await client.disconnect()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_clients_exchange_messages_over_tls(chain: Chain, transport: str) -> None:
    async with (
        signed_in(chain, unique("ada"), transport) as (ada, _),
        signed_in(chain, unique("bob"), transport) as (bob, heard),
    ):
        for person in (ada, bob):
            assert (await person.call("room:join", {"room": LOBBY}, timeout=20))["ok"]
        text = unique("text") + "x" * 15_000
        sent = await ada.call("message:send", {"room": LOBBY, "id": unique("id"), "text": text}, timeout=20)
        assert sent["ok"]
        await until(lambda: text in [message.get("text") for message in heard], "the message arrives")


async def test_a_client_that_does_not_trust_the_authority_cannot_connect(chain: Chain) -> None:
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{chain.url}/")
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get(f"{chain.running[0].url}/socket.io/?EIO=4&transport=polling")


async def test_plain_http_gets_no_answer_from_a_gateway(chain: Chain) -> None:
    gateway = chain.running[0]
    assert health.get(gateway.metrics_port, "/readyz") == (0, "")
    assert health.get(gateway.port, "/socket.io/?EIO=4&transport=polling") == (0, "")
    gateway.check_log()


async def test_the_metrics_port_serves_tls(chain: Chain) -> None:
    status, text = chain.running[0].get("/metrics")
    assert status == 200
    assert "roomcast_gateway_redis_up 1.0" in text


async def test_nginx_refuses_a_gateway_with_a_certificate_of_another_authority(chain: Chain, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with nginx(tmp_path / "nginx", other.certificate, chain.authority.sign("again"), chain.running) as port:
        trust = ssl.create_default_context(cafile=str(chain.authority.certificate))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            url = f"https://localhost:{port}/socket.io/?EIO=4&transport=polling"
            async with session.get(url) as answer:
                assert (answer.status, await answer.json()) == (503, {"code": 503, "message": "No gateway"})


@pytest.mark.parametrize("missing", ["TLS_KEY", "TLS_CERTIFICATE"])
def test_an_incomplete_tls_setting_fails_the_start(chain: Chain, missing: str) -> None:
    settings = {"REDIS_URL": "redis://127.0.0.1:1/0", "JWT_SECRET": "s" * 32, "TLS_KEY": "/a", "TLS_CERTIFICATE": "/b"}
    del settings[missing]
    done = run_once(**settings)
    assert done.returncode == 2
    assert "ROOMCAST_TLS_CERTIFICATE and ROOMCAST_TLS_KEY" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_missing_tls_file_fails_the_start() -> None:
    files = {"TLS_KEY": "/nowhere/key", "TLS_CERTIFICATE": "/nowhere/certificate"}
    done = run_once(REDIS_URL="redis://127.0.0.1:1/0", JWT_SECRET="s" * 32, **files)
    assert done.returncode == 2
    assert "No such file" in done.stderr
