"""Redis over TLS with client certificates, and Sentinels with passwords: for each process, command and back end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from roomcast.contract import backend
from tests import gateways
from tests.certificates import Authority, Pair
from tests.gateways import Client
from tests.integration.adapter.test_redis_deployments import backplane
from tests.redis_cluster import sentinel
from tests.servers import base_environment, free_port, redis_server, wait_until
from tests.sweepers_and_signers import media_settings, running


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@contextmanager
def tls_server(folder: Path, authority: Authority, *options: str) -> Iterator[tuple[int, int]]:
    """Run a Redis with a TLS port that requires a client certificate, and a plain port; yield both ports."""
    port, pair = free_port(), authority.sign("redis")
    with redis_server(folder, "--tls-port", str(port), *tls_options(authority, pair), *options) as plain:
        yield port, plain


def tls_options(authority: Authority, pair: Pair) -> tuple[str, ...]:
    files = ("--tls-cert-file", str(pair.certificate), "--tls-key-file", str(pair.key))
    return (*files, "--tls-ca-cert-file", str(authority.certificate), "--tls-auth-clients", "yes")


def url_options(authority: Authority, pair: Pair) -> str:
    return f"ssl_ca_certs={authority.certificate}&ssl_certfile={pair.certificate}&ssl_keyfile={pair.key}"


async def test_every_process_sends_its_certificate(authority: Authority, tmp_path: Path) -> None:
    client_pair = authority.sign("client")
    with tls_server(tmp_path, authority) as (port, plain), ExitStack() as stack, redis.Redis(port=plain, db=1) as admin:
        url = f"rediss://localhost:{port}/1?{url_options(authority, client_pair)}"
        gateway = stack.enter_context(gateways.gateway(tmp_path, url))
        presence = stack.enter_context(running("presence", tmp_path, ROOMCAST_REDIS_URL=url))
        stack.enter_context(running("media", tmp_path, **media_settings(url)))
        wait_until(lambda: presence.is_ready, "the sweeper is ready")
        wait_until(lambda: bool(admin.exists("@1:media:requests")), "the signer reads requests")
        client = Client("ada")
        await client.connect(gateway.url)
        await client.join("public:tls")
        async with backend.connect(url) as behind:
            await behind.publish("public:tls", "shop", "encrypted")
        await client.expect_text("encrypted")
        await client.close()


@pytest.mark.parametrize(
    "command",
    [
        ("roomcast.cli", "doctor"),
        ("roomcast.cli", "revoke", "--user", "ada"),
        ("roomcast.cli", "--json", "api-keys", "list"),
        ("roomcast.contract", "publish", "public:tls", "encrypted", "--user", "shop"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
async def test_each_command_sends_its_certificate(
    authority: Authority, tmp_path: Path, command: tuple[str, ...]
) -> None:
    pair = authority.sign("operator")

    def run(url: str) -> subprocess.CompletedProcess[str]:
        environment = base_environment() | {"ROOMCAST_REDIS_URL": url}
        arguments = [sys.executable, "-m", *command]
        return subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=30, check=False)

    with tls_server(tmp_path, authority) as (port, _):
        done = run(f"rediss://localhost:{port}?{url_options(authority, pair)}")
        assert "Traceback" not in done.stderr
        # `doctor` fails, because no gateway uses this Redis. The other commands succeed.
        assert done.returncode == (1 if "doctor" in command else 0), done.stderr
        refused = run(f"rediss://localhost:{port}?ssl_ca_certs={authority.certificate}")
        assert refused.returncode == 1
        assert refused.stdout + refused.stderr != done.stdout + done.stderr
        assert "Traceback" not in refused.stderr
        assert len((refused.stdout + refused.stderr).splitlines()) <= 20


@pytest.mark.parametrize("missing", ["the authority", "the client certificate", "the host name"])
async def test_a_connection_without_a_valid_certificate_on_both_sides_fails(
    authority: Authority, tmp_path: Path, missing: str
) -> None:
    pair = authority.sign("client")
    with tls_server(tmp_path, authority) as (port, _):
        files = f"ssl_certfile={pair.certificate}&ssl_keyfile={pair.key}"
        good = url_options(authority, pair)
        url = {
            "the authority": f"rediss://localhost:{port}?{files}",
            "the client certificate": f"rediss://localhost:{port}?ssl_ca_certs={authority.certificate}",
            "the host name": f"rediss://127.0.0.2:{port}?{good}",
        }[missing]
        async with backplane(url, is_awaited=False) as made:
            with pytest.raises(TimeoutError):
                await made.wait_up(1.5)
        async with backplane(f"rediss://localhost:{port}?{good}") as made:
            assert made.is_up
        async with backplane(f"rediss://localhost:{port}?{files}&ssl_cert_reqs=none") as made:
            assert made.is_up


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("ssl_ca_certs=/nowhere/ca.pem", "ssl_ca_certs of the Redis URL: No such file"),
        ("ssl_certfile=/nowhere/c.pem", "ssl_certfile and ssl_keyfile of the Redis URL: No such file"),
    ],
)
def test_an_unreadable_certificate_causes_one_error_line(options: str, complaint: str) -> None:
    done = gateways.run_once(REDIS_URL=f"rediss://localhost?{options}", JWT_SECRET=gateways.SECRET)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


async def test_processes_connect_over_tls_to_sentinels_with_a_password(authority: Authority, tmp_path: Path) -> None:
    home = tmp_path / "sentinel"
    home.mkdir()
    pair = authority.sign("sentinel")
    sentinel_tls = free_port()
    more = (
        f"requirepass s3cret\nsentinel auth-pass main dat@\ntls-port {sentinel_tls}\ntls-replication yes\n"
        f"tls-cert-file {pair.certificate}\ntls-key-file {pair.key}\ntls-ca-cert-file {authority.certificate}\n"
    )
    with (
        tls_server(tmp_path, authority, "--requirepass", "dat@") as (master, plain),
        sentinel(home, master, 1, more),
        redis.Redis(port=plain, password="dat@") as admin,
    ):
        files = url_options(authority, authority.sign("client"))
        url = (
            f"rediss+sentinel://:dat%40@127.0.0.1:{sentinel_tls}/main?sentinel_password=s3cret&{files}"
            "&ssl_check_hostname=false"
        )
        async with backplane(url) as made:
            assert await made.command("SET", "key", "value") == b"OK"
        with (
            running("presence", tmp_path, ROOMCAST_REDIS_URL=url) as presence,
            running("media", tmp_path, **media_settings(url)),
        ):
            wait_until(lambda: presence.is_ready, "the sweeper is ready")
            wait_until(lambda: bool(admin.exists("media:requests")), "the signer reads requests")
        async with backplane(url.replace("s3cret", "wrong"), is_awaited=False) as made:
            with pytest.raises(TimeoutError):
                await made.wait_up(1.0)
