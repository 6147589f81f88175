"""Key sets: rotation, tokens without a key id, and sources that fail or hang."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.sign_in import jwks
from roomcast.gateway.sign_in.identity import TokenFault, TokenRefused
from roomcast.gateway.sign_in.jwks import JwksKeys, check_location
from tests import servers
from tests.waiting import until

RSA = [rsa.generate_private_key(65_537, 2048) for _ in range(2)]
EC = ec.generate_private_key(ec.SECP256R1())


def rsa_row(key: rsa.RSAPrivateKey, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return row | more


def key_set(*rows: dict[str, Any]) -> bytes:
    return json.dumps({"keys": rows}).encode()


EC_ROW: dict[str, Any] = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(EC.public_key()))


def token(key: Any = RSA[0], algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode({"sub": "ada", "exp": 2e9}, key, algorithm, headers=header or None)


class Source:
    """A key server. It returns `data`, fails without `data`, or hangs if `hangs` is set."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = data
        self.reads = 0
        self.hangs = False
        self.now = 0.0
        self.released = asyncio.Event()

    async def fetch(self) -> bytes:
        self.reads += 1
        if self.hangs:
            await self.released.wait()
        if not self.data:
            raise OSError("no route")
        return self.data

    def keys(self) -> JwksKeys:
        return JwksKeys("", fetch=self.fetch, clock=lambda: self.now)


async def fault(keys: JwksKeys, made: str) -> TokenFault:
    with pytest.raises(TokenRefused) as caught:
        await keys.open(made)
    return caught.value.fault


async def unavailable(keys: JwksKeys, made: str) -> bool:
    with pytest.raises(RoomcastError) as caught:
        await keys.open(made)
    return caught.value.code is Code.UNAVAILABLE


async def test_the_kid_of_a_token_selects_its_key() -> None:
    keys = Source(key_set(rsa_row(RSA[0], kid="r1"), EC_ROW | {"kid": "e1"})).keys()

    assert json.loads(await keys.open(token(kid="r1")))["sub"] == "ada"
    assert json.loads(await keys.open(token(EC, "ES256", kid="e1")))["sub"] == "ada"
    assert await fault(keys, token(RSA[1], kid="r1")) is TokenFault.SIGNATURE
    assert await fault(keys, token(kid="e1")) is TokenFault.UNKNOWN_KEY
    assert await fault(keys, token(RSA[0], "PS256", kid="r1")) is TokenFault.ALGORITHM
    assert await fault(keys, jwt.encode({"sub": "ada"}, "x" * 32, "HS256")) is TokenFault.ALGORITHM


async def test_a_token_without_a_kid_is_checked_with_all_keys_of_its_type() -> None:
    rows = (rsa_row(RSA[0], kid="r0"), EC_ROW | {"kid": "e"}, rsa_row(RSA[1], kid="r1"))
    keys = Source(key_set(*rows)).keys()

    for key, algorithm in ((RSA[0], "RS256"), (RSA[1], "RS256"), (EC, "ES256")):
        assert json.loads(await keys.open(token(key, algorithm)))["sub"] == "ada"
    stranger = rsa.generate_private_key(65_537, 2048)
    assert await fault(keys, token(stranger)) is TokenFault.SIGNATURE


async def test_keys_for_encryption_or_other_algorithms_are_not_used() -> None:
    keys = Source(key_set(rsa_row(RSA[0], kid="a", use="enc"), rsa_row(RSA[0], kid="b", alg="RS512"))).keys()

    assert await fault(keys, token(kid="a")) is TokenFault.UNKNOWN_KEY
    assert await fault(keys, token(kid="b")) is TokenFault.UNKNOWN_KEY
    assert await fault(keys, token()) is TokenFault.UNKNOWN_KEY


async def test_known_keys_stay_valid_while_the_key_server_fails() -> None:
    source = Source(key_set(rsa_row(RSA[0], kid="k1")))
    keys = source.keys()
    await keys.open(token(kid="k1"))
    source.data = b""
    source.now = 3_600.0

    assert json.loads(await keys.open(token(kid="k1")))["sub"] == "ada"
    assert await fault(keys, token(kid="k2")) is TokenFault.UNKNOWN_KEY
    assert keys.is_ready


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"keys":[]}', b'{"keys":[{"kty":"x"}]}', b'{"keys":7}', b"x", b"[" * 100_000, b"9" * 5_000],
    ids=lambda content: repr(content[:30]),
)
async def test_open_raises_unavailable_without_any_key(content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    source = Source(content)
    keys = source.keys()

    assert await unavailable(keys, token(kid="k1"))
    assert not keys.is_ready
    assert "Traceback" not in caplog.text
    source.data = key_set(rsa_row(RSA[0], kid="k1"))
    source.now = 2.0
    assert json.loads(await keys.open(token(kid="k1")))["sub"] == "ada"
    assert keys.is_ready


async def test_a_hanging_key_server_does_not_delay_tokens_with_a_known_key() -> None:
    source = Source(key_set(rsa_row(RSA[0], kid="k1")))
    keys = source.keys()
    await keys.open(token(kid="k1"))
    source.hangs = True
    source.now = 3_600.0

    opened = [asyncio.create_task(keys.open(token(kid="k1"))) for _ in range(20)]
    await asyncio.sleep(0)
    assert all(task.done() for task in opened)
    await until(lambda: source.reads == 2, "the refresh has begun")
    await keys.open(token(kid="k1"))
    assert source.reads == 2


async def test_unknown_keys_are_fetched_at_most_every_ten_seconds() -> None:
    source = Source(key_set(rsa_row(RSA[0], kid="k1")))
    keys = source.keys()
    await keys.open(token(kid="k1"))
    source.data = key_set(rsa_row(RSA[0], kid="k1"), rsa_row(RSA[1], kid="k2"))

    assert await fault(keys, token(RSA[1], kid="k2")) is TokenFault.UNKNOWN_KEY
    source.now = 11.0
    assert json.loads(await keys.open(token(RSA[1], kid="k2")))["sub"] == "ada"
    for n in range(20):
        assert await fault(keys, token(kid=f"x{n}")) is TokenFault.UNKNOWN_KEY
    assert source.reads == 2


async def test_many_tokens_before_the_first_read_share_one_read() -> None:
    source = Source(key_set(rsa_row(RSA[0], kid="k1")))
    keys = source.keys()
    opened = await asyncio.gather(*(keys.open(token(kid="k1")) for _ in range(50)))

    assert len(opened) == 50
    assert source.reads == 1


async def test_run_tries_again_until_the_keys_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jwks, "_FIRST_RETRY_SECONDS", 0.01)
    source = Source()
    keys = source.keys()
    running = asyncio.create_task(keys.run())
    try:
        await until(lambda: source.reads >= 3, "three tries")
        assert not keys.is_ready
        source.data = key_set(rsa_row(RSA[0], kid="k1"))
        await until(lambda: keys.is_ready, "keys")
    finally:
        running.cancel()


async def test_the_request_has_the_user_agent_of_the_gateway_and_redirects_are_not_followed() -> None:
    user_agents: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        user_agents.append(request.headers["User-Agent"])
        if request.path == "/moved":
            raise web.HTTPFound("/jwks.json")
        return web.Response(body=key_set(rsa_row(RSA[0], kid="k1")))

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    port = servers.free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        keys = JwksKeys(f"http://127.0.0.1:{port}/jwks.json")
        assert json.loads(await keys.open(token(kid="k1")))["sub"] == "ada"
        assert await unavailable(JwksKeys(f"http://127.0.0.1:{port}/moved"), token(kid="k1"))
        assert await unavailable(JwksKeys(f"http://127.0.0.1:{servers.free_port()}/"), token(kid="k1"))
    finally:
        await runner.cleanup()
    assert len(user_agents) == 2
    assert all(agent.startswith("roomcast-gateway/") for agent in user_agents)


async def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    assert await unavailable(JwksKeys(str(path)), token(kid="k1"))
    path.write_bytes(key_set(rsa_row(RSA[0], kid="k1")))
    for location in (str(path), f"file://{path}"):
        assert json.loads(await JwksKeys(location).open(token(kid="k1")))["sub"] == "ada"


@pytest.mark.parametrize(
    "location",
    [
        "https://id.example/jwks.json",
        "http://localhost/x",
        "http://127.0.0.1:80/x",
        "http://[::1]:8080/x",
        "/x.json",
        "x",
    ],
)
def test_a_usable_location_is_accepted(location: str) -> None:
    assert check_location(location) == location


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://id.example/jwks.json", "this machine only"),
        ("http://localhost.evil.example/x", "this machine only"),
        ("http://localhost@evil.example/x", "this machine only"),
        ("http://127.0.0.1.evil.example/x", "this machine only"),
        ("ftp://id.example/x", "cannot be read"),
        ("https://", "cannot be read"),
    ],
)
def test_an_unusable_location_is_refused(location: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        check_location(location)
