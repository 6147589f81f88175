"""Sign-in: good and bad tokens, signed with a shared secret or with keys of a JWKS; local sign-in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
import requests
import socketio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from roomcast.contract.tokens import sign
from tests import gateways
from tests.gateways import SECRET, Client, Clients, Gateway, gateway, run_once, token, unique
from tests.health import request
from tests.waiting import until

Pair = list[Gateway]
AUDIENCE, ISSUER = "roomcast-tests", "https://issuer.example"


class Jwks(NamedTuple):
    """A gateway that accepts tokens of these two keys, with one audience and one issuer."""

    gateway: Gateway
    rsa_key: rsa.RSAPrivateKey
    ec_key: ec.EllipticCurvePrivateKey

    def public_pem(self) -> bytes:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.rsa_key.public_key().public_bytes(serialization.Encoding.PEM, form)


@pytest.fixture(scope="module")
def jwks(gateway_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jwks]:
    rsa_key = rsa.generate_private_key(65_537, 2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    rows = [
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(rsa_key.public_key())) | {"kid": "r1", "alg": "RS256"},
        json.loads(jwt.algorithms.ECAlgorithm.to_jwk(ec_key.public_key())) | {"kid": "e1", "alg": "ES256"},
    ]
    folder = tmp_path_factory.mktemp("jwks")
    path = folder / "jwks.json"
    path.write_text(json.dumps({"keys": rows}))
    settings = {"JWT_SECRET": "", "JWKS_URL": f"file://{path}", "JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER}
    with gateway(folder, gateway_redis, "9", is_ready=True, **settings) as running:
        yield Jwks(running, rsa_key, ec_key)


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token for the JWKS gateway, with `changes`. None removes a claim."""
    now = int(time.time())
    row = {"sub": "ada", "exp": now + 60, "iat": now, "aud": AUDIENCE, "iss": ISSUER} | changes
    return {name: value for name, value in row.items() if value is not None}


def encoded(header: dict[str, Any] | str, body: dict[str, Any] | str, secret: bytes | str = SECRET) -> str:
    """Return a token with this header and body, signed with HMAC-SHA-256 whatever algorithm the header names."""

    def part(value: dict[str, Any] | str) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()

    head = f"{part(header)}.{part(body)}"
    key = secret.encode() if isinstance(secret, str) else secret
    signature = hmac.new(key, head.encode(), hashlib.sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


async def refusal(running: Gateway, auth: Any) -> Any:
    """Connect with a bad token; return the error."""
    client = socketio.AsyncClient(reconnection=False)
    told: list[Any] = []
    client.on("connect_error", told.append)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.connect(running.url, auth=auth, transports=["websocket"], wait_timeout=10)
    await client.shutdown()
    return told


async def test_ready_names_the_user_and_the_gateway(pair: Pair, clients: Clients) -> None:
    for running in pair:
        client = Client("ada")
        ready = await client.connect(running.url, name="Ada Lovelace")
        await client.close()

        assert (ready["user"], ready["name"], ready["node"]) == ("ada", "Ada Lovelace", running.node)
        assert ready["session"].startswith(f"g{running.node}.")
        assert (ready["heartbeat_seconds"], ready["online_seconds"]) == (30, 60)
        assert abs(ready["server_time"] - time.time() * 1000) < 5_000
        assert ready["limits"]["message_bytes"] == 16_384
        assert ready["limits"]["upload_bytes"] > 0
        assert client.events[0][0] == "ready"


@pytest.mark.parametrize("transports", [("polling",), ("polling", "websocket")])
async def test_a_client_can_sign_in_by_polling_and_upgrade_afterwards(pair: Pair, transports: tuple[str, ...]) -> None:
    client = Client(unique("ada"))
    ready = await client.connect(pair[0].url, transports=transports)
    await client.join("public:lobby")
    assert client.io.transport() == transports[-1]
    await client.close()

    assert ready["user"] == client.user


async def test_a_subject_that_is_not_a_user_id_is_encoded_as_a_user_id(pair: Pair, clients: Clients) -> None:
    client = await clients(pair[0], "auth0|x1")

    assert (await client.expect("ready"))["user"] == "x--auth0-7Cx1"
    assert (await client.expect("ready"))["name"] == "x--auth0-7Cx1"


def bad_secret_tokens() -> dict[str, Any]:
    """Return tokens that the gateway with the shared secret must refuse."""
    now = int(time.time())
    body = {"sub": "ada", "exp": now + 60}
    good = {"alg": "HS256", "typ": "JWT"}
    deep = '{"alg":"HS256","x":' + "[" * 2_500 + "]" * 2_500 + "}"
    none = encoded({"alg": "none"}, body).rsplit(".", 1)[0] + "."
    return {
        "null": None,
        "empty": "",
        "a number": 7,
        "a list": ["x"],
        "an object": {"token": "x"},
        "text that is no token": "abc",
        "three dots": "...",
        "not base64": "é.é.é",
        "too long": "x" * 9_000,
        "alg none": none,
        "alg None": encoded({"alg": "None"}, body).rsplit(".", 1)[0] + ".",
        "alg HS512": jwt.encode(body, SECRET * 2, "HS512"),
        "no alg": encoded({"typ": "JWT"}, body),
        "another secret": encoded(good, body, "another secret of at least 32 bytes"),
        "signature cut": encoded(good, body)[:-4],
        "no exp": encoded(good, {"sub": "ada"}),
        "exp null": encoded(good, {"sub": "ada", "exp": None}),
        "exp text": encoded(good, {"sub": "ada", "exp": "tomorrow"}),
        "exp infinite": encoded(good, '{"sub":"ada","exp":1e999}'),
        "exp NaN": encoded(good, '{"sub":"ada","exp":NaN}'),
        "exp huge": encoded(good, {"sub": "ada", "exp": 10**300}),
        "expired": encoded(good, {"sub": "ada", "exp": now - 60}),
        "expired a moment ago": encoded(good, {"sub": "ada", "exp": now - 2}),
        "not yet": encoded(good, {**body, "nbf": now + 300}),
        "from the future": encoded(good, {**body, "iat": now + 300}),
        "no sub": encoded(good, {"exp": now + 60}),
        "sub empty": encoded(good, {**body, "sub": ""}),
        "sub a number": encoded(good, {**body, "sub": 7}),
        "sub too long": encoded(good, {**body, "sub": "x" * 61}),
        "rooms no list": encoded(good, {**body, "rooms": "*"}),
        "rooms of numbers": encoded(good, {**body, "rooms": [1]}),
        "unknown crit": encoded({**good, "crit": ["exotic"], "exotic": 1}, body),
        "crit of no list": encoded({**good, "crit": "exp"}, body),
        "kid traversal": encoded({**good, "kid": "../../../../dev/null"}, body, b""),
        "kid a list": encoded({**good, "kid": ["a"]}, body),
        "header a list": encoded("[]", body),
        "claims a list": encoded(good, "[]"),
        "a header nested deeply": encoded(deep, body),
        "claims nested deeply": encoded(good, deep),
    }


@pytest.mark.parametrize("name", sorted(bad_secret_tokens()))
async def test_every_bad_token_gets_the_same_error(pair: Pair, clients: Clients, name: str) -> None:
    told = await refusal(pair[0], {"token": bad_secret_tokens()[name]})

    assert told == await refusal(pair[0], {"token": "nonsense"})
    assert told[0]["message"] == "unauthorized"
    assert told[0]["data"] == {"code": 200, "reason": "unauthorized", "retryable": False}
    await clients(pair[0], unique("bob"))


@pytest.mark.parametrize("auth", [None, {}, {"Token": "x"}, {"token": None}])
async def test_a_missing_token_gets_the_same_error(pair: Pair, auth: Any) -> None:
    assert (await refusal(pair[0], auth))[0]["message"] == "unauthorized"


async def test_tokens_signed_with_a_jwks_by_rs256_and_es256_are_accepted(jwks: Jwks) -> None:
    for key, algorithm, kid in ((jwks.rsa_key, "RS256", "r1"), (jwks.ec_key, "ES256", "e1")):
        client = Client("ada")
        good = jwt.encode(claims(), key, algorithm, headers={"kid": kid})
        assert (await client.connect(jwks.gateway.url, good))["user"] == "ada"
        await client.close()


@pytest.mark.parametrize(
    "change",
    [{"aud": "another"}, {"aud": None}, {"iss": "https://evil.example"}, {"iss": None}, {"exp": None}, {"sub": None}],
    ids=str,
)
async def test_a_jwks_gateway_requires_its_audience_its_issuer_and_an_expiry(
    jwks: Jwks, change: dict[str, Any]
) -> None:
    bad = jwt.encode(claims(**change), jwks.rsa_key, "RS256", headers={"kid": "r1"})

    assert (await refusal(jwks.gateway, {"token": bad}))[0]["message"] == "unauthorized"


async def test_a_jwks_gateway_refuses_other_algorithms_and_keys(jwks: Jwks, clients: Clients) -> None:
    stranger = rsa.generate_private_key(65_537, 2048)
    pem = jwks.public_pem()
    bad = {
        "RS to HS, the public key as the secret": encoded({"alg": "HS256", "kid": "r1"}, claims(), pem),
        "RS to HS without a kid": encoded({"alg": "HS256"}, claims(), pem),
        "none": encoded({"alg": "none", "kid": "r1"}, claims()).rsplit(".", 1)[0] + ".",
        "a stranger's key": jwt.encode(claims(), stranger, "RS256", headers={"kid": "r1"}),
        "a stranger's key without a kid": jwt.encode(claims(), stranger, "RS256"),
        "another kind of key": jwt.encode(claims(), jwks.ec_key, "ES256", headers={"kid": "r1"}),
        "PS256": jwt.encode(claims(), jwks.rsa_key, "PS256", headers={"kid": "r1"}),
        "an unknown kid": jwt.encode(claims(), jwks.rsa_key, "RS256", headers={"kid": "r2"}),
        "kid traversal": jwt.encode(claims(), stranger, "RS256", headers={"kid": "../../etc/passwd"}),
        "a key in the header": jwt.encode(
            claims(),
            stranger,
            "RS256",
            headers={"kid": "r1", "jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(stranger.public_key()))},
        ),
        "a key set in the header": jwt.encode(
            claims(), stranger, "RS256", headers={"kid": "r1", "jku": "http://127.0.0.1:1/jwks.json"}
        ),
        "the shared secret of other gateways": token("ada", aud=AUDIENCE, iss=ISSUER),
    }
    told = {name: await refusal(jwks.gateway, {"token": value}) for name, value in bad.items()}

    assert {name: row[0]["message"] for name, row in told.items()} == dict.fromkeys(bad, "unauthorized")
    good = jwt.encode(claims(), jwks.rsa_key, "RS256", headers={"kid": "r1"})
    await clients(jwks.gateway, "ada", token_=good)


async def test_a_name_with_a_lone_surrogate_is_repaired(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"), name="Ada \ud83d")
    room = unique("public:talk")
    await ada.join(room)
    await ada.send(room, "hello")

    assert (await ada.expect("ready"))["name"] == (await ada.expect_text("hello"))["name"] == "Ada ?"


async def test_a_name_is_shortened_to_eighty_characters(pair: Pair, clients: Clients) -> None:
    ada = await clients(pair[0], unique("ada"), name="A" * 500)

    assert (await ada.expect("ready"))["name"] == "A" * 80


async def test_local_sign_in_exists_only_when_it_is_enabled(
    pair: Pair, gateway_redis: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert request(f"{pair[0].url}/dev/login", b'{"name": "Ada"}')[0] == 404

    shop = "http://localhost:5173"
    folder = tmp_path_factory.mktemp("dev")
    with gateway(folder, gateway_redis, "8", DEV_LOGIN="1", ALLOWED_ORIGINS=shop) as running:
        for origin, readers in ((shop, shop), ("https://evil.example", None), ("null", None)):
            seen = requests.post(f"{running.url}/dev/login", b'{"name": "Ada"}', headers={"Origin": origin}, timeout=10)
            assert (seen.status_code, seen.headers.get("Access-Control-Allow-Origin")) == (200, readers)
        status, text = request(f"{running.url}/dev/login", '{"name": "  Ada   Lóvelace "}'.encode())
        answer = json.loads(text)
        assert (status, answer["user"]) == (200, "ada-lovelace")
        client = Client("ada-lovelace")
        ready = await client.connect(running.url, answer["token"])
        await client.close()
        assert (ready["user"], ready["name"]) == ("ada-lovelace", "Ada Lóvelace")
        ligatures = json.loads(request(f"{running.url}/dev/login", json.dumps({"name": "⒇" * 40}).encode())[1])
        await client.connect(running.url, ligatures["token"])
        await client.close()
        renamed = {"name": "Countess", "user": "ada-lovelace", "picture": "https://example.com/ada.png"}
        again = json.loads(request(f"{running.url}/dev/login", json.dumps(renamed).encode())[1])
        countess, expected = Client("ada-lovelace"), {"name": "Countess", "picture": renamed["picture"]}
        await countess.connect(running.url, again["token"])

        async def is_shown() -> bool:
            answer = await countess.ok("user:profiles", {"users": ["ada-lovelace"]})
            return bool(answer["users"]["ada-lovelace"] == expected)

        await until(is_shown, "the new profile is shown")
        await countess.close()
        for field, value in (("user", "not an id"), ("user", 7), ("picture", "http://example.com"), ("name", " ")):
            wrong = json.dumps(renamed | {field: value}).encode()
            assert request(f"{running.url}/dev/login", wrong)[0] == 400, field
        for bad in (b"", b"{}", b"[]", b'"x"', b'{"name": ""}', b'{"name": "  "}', b"[" * 900, b"\xff", b"x" * 3_000):
            assert request(f"{running.url}/dev/login", bad)[0] == 400, bad
        got = requests.get(f"{running.url}/dev/login", timeout=10)
        assert (got.status_code, got.headers["Allow"]) == (405, "POST")


def test_the_token_command_prints_a_valid_token() -> None:
    made = gateways.run_once(
        "token", "--user", "ada", "--rooms", "team-*", "--ops", REDIS_URL="redis://127.0.0.1:1/0", JWT_SECRET=SECRET
    )

    body = jwt.decode(made.stdout.strip(), SECRET, ["HS256"])
    assert (made.returncode, body["sub"], body["rooms"], body["ops"]) == (0, "ada", ["team-*"], True)


def test_a_bad_setting_causes_one_error_line() -> None:
    ended = gateways.run_once(REDIS_URL="redis://127.0.0.1:1/0", JWT_SECRET=SECRET, NODE="a-b")

    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1), ended.stderr
    assert "ROOMCAST_NODE" in ended.stderr


def test_a_port_in_use_causes_one_error_line(pair: Pair, gateway_redis: str) -> None:
    settings = {"REDIS_URL": gateway_redis, "JWT_SECRET": SECRET, "METRICS_PORT": "0", "NODE": "7"}

    ended = gateways.run_once(**settings, PORT=str(pair[0].port))

    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1), ended.stderr
    assert "cannot listen" in ended.stderr


async def test_a_gateway_without_any_key_is_not_ready_and_logs_the_reason(
    redis_url: str, tmp_path: Path, clients: Clients
) -> None:
    key = rsa.generate_private_key(65_537, 2048)
    row = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": "r1"}
    path = tmp_path / "later.json"
    settings = {"JWT_SECRET": "", "JWKS_URL": str(path)}
    with gateway(tmp_path, redis_url, is_ready=False, **settings) as running:
        await until(lambda: "the keys of tokens cannot be read" in running.said(), "the reason is logged")
        assert not running.is_ready
        path.write_text(json.dumps({"keys": [row]}))
        await until(lambda: running.is_ready, "the gateway is ready with a key", 40)
        good = jwt.encode({"sub": "ada", "exp": time.time() + 60}, key, "RS256")  # without a kid
        await clients(running, "ada", token_=good)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://id.example/jwks.json", "http:// is for keys on this machine only"),
        ("ftp://x/y", "ftp:// cannot be read"),
    ],
)
def test_a_key_location_that_cannot_be_used_causes_one_error_line(url: str, says: str) -> None:
    done = run_once(REDIS_URL="redis://127.0.0.1:1", JWKS_URL=url)

    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("roomcast gateway: ROOMCAST_JWKS_URL: " + says)


async def test_refused_tokens_are_counted_by_reason_and_logged_without_the_token(pair: Pair) -> None:
    bad = {
        "expired": token("ada", seconds=-5),
        "expiry": token("ada", exp=(time.time() + 60) * 1000),
        "signature": sign(SECRET + "!", "ada"),
        "missing": None,
    }
    before = {reason: refused_tokens(pair[0], reason) for reason in bad}

    for value in bad.values():
        assert (await refusal(pair[0], {"token": value}))[0]["message"] == "unauthorized"

    for reason in bad:
        assert refused_tokens(pair[0], reason) == before[reason] + 1, reason
    said = pair[0].said()
    assert '"token refused"' in said
    assert not any(value in said for value in bad.values() if value)


def refused_tokens(running: Gateway, reason: str) -> float:
    return running.metric(f'roomcast_gateway_refused_tokens_total{{reason="{reason}"}}')
