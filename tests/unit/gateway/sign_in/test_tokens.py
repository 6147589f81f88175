"""Identities, and keys that outlive the place they come from."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.tokens import sign
from roomcast.gateway.sign_in.tokens import Identity, JwksKeys, SharedSecret, Verifier

SECRET = "a secret of the tests, longer than 32 bytes"


def identity(*rooms: str) -> Identity:
    return Identity(user="ada", name="Ada", expires=0.0, issued=0, token_id="", rooms=rooms, ops=False)


@pytest.mark.parametrize(
    ("pattern", "room", "opens"),
    [
        ("team", "team", True),
        ("team", "team-1", False),
        ("team-*", "team-1", True),
        ("team-*", "team", False),
        ("Team", "team", False),
        ("*", "anything", True),
        ("team-?", "team-12", False),
        ("team-[12]", "team-2", True),
        ("", "team", False),
    ],
)
def test_patterns_of_a_token_open_rooms(pattern: str, room: str, opens: bool) -> None:
    assert identity(pattern).matches(room) is opens
    assert identity("other", pattern).matches(room) is opens


def test_no_pattern_opens_nothing() -> None:
    assert not identity().matches("team")


async def refusal(verifier: Verifier, token: Any) -> Code:
    with pytest.raises(RoomcastError) as caught:
        await verifier.verify(token)
    return caught.value.code


async def test_what_a_token_says() -> None:
    token = sign(SECRET, "auth0|x", name="Ada", rooms=["a", "b-*"], ops=True, jti="j1", seconds=60)

    got = await Verifier(SharedSecret(SECRET)).verify(token)

    assert (got.user, got.name, got.rooms, got.ops, got.token_id) == ("x--auth0-7Cx", "Ada", ("a", "b-*"), True, "j1")
    assert 50 < got.expires - time.time() <= 60


@pytest.mark.parametrize(("claim", "is_ops"), [(True, True), (1, False), ("true", False), (None, False)])
async def test_only_true_makes_an_operator(claim: Any, is_ops: bool) -> None:
    assert (await Verifier(SharedSecret(SECRET)).verify(sign(SECRET, "ada", ops=claim))).ops is is_ops


async def test_half_a_surrogate_pair_is_mended() -> None:
    got = await Verifier(SharedSecret(SECRET)).verify(sign(SECRET, "ada", name="A\ud83d", jti="j\ud83d"))

    assert (got.name, got.token_id) == ("A?", "j?")


@pytest.mark.parametrize("name", ["", "   ", None, 7, ["Ada"]])
async def test_without_a_usable_name_one_is_called_by_the_id(name: Any) -> None:
    token = jwt.encode({"sub": "ada", "exp": time.time() + 60, "name": name}, SECRET, "HS256")

    assert (await Verifier(SharedSecret(SECRET)).verify(token)).name == "ada"


async def test_a_token_that_has_expired_is_refused_though_clocks_may_differ_elsewhere() -> None:
    verifier = Verifier(SharedSecret(SECRET))

    assert await refusal(verifier, sign(SECRET, "ada", seconds=-1)) is Code.UNAUTHORIZED
    ahead = jwt.encode({"sub": "ada", "exp": time.time() + 60, "iat": time.time() + 20}, SECRET, "HS256")
    assert (await verifier.verify(ahead)).user == "ada"


class Jwks:
    """A key set in a file, and a token of its key."""

    def __init__(self, folder: Path) -> None:
        self.key = rsa.generate_private_key(65_537, 2048)
        self.path = folder / "jwks.json"
        row = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key())) | {"kid": "k1"}
        self.text = json.dumps({"keys": [row]})

    def token(self, kid: str = "k1") -> str:
        return jwt.encode({"sub": "ada", "exp": time.time() + 60}, self.key, "RS256", headers={"kid": kid})


async def test_keys_outlive_their_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Jwks(tmp_path)
    source.path.write_text(source.text)
    verifier = Verifier(JwksKeys(str(source.path)))
    await verifier.verify(source.token())
    source.path.write_text("no JSON")
    clock = time.monotonic() + 3_600
    monkeypatch.setattr(time, "monotonic", lambda: clock)

    assert (await verifier.verify(source.token())).user == "ada"
    assert await refusal(verifier, source.token("k2")) is Code.UNAUTHORIZED


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"keys":[]}', '{"keys":[{"kty":"x"}]}', '{"keys":7}'])
async def test_without_any_keys_the_gateway_is_not_available(tmp_path: Path, content: str | None) -> None:
    source = Jwks(tmp_path)
    if content is not None:
        source.path.write_text(content)

    assert await refusal(Verifier(JwksKeys(f"file://{source.path}")), source.token()) is Code.UNAVAILABLE


async def test_keys_that_come_later_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Jwks(tmp_path)
    verifier = Verifier(JwksKeys(str(source.path)))
    assert await refusal(verifier, source.token()) is Code.UNAVAILABLE
    source.path.write_text(source.text)
    clock = time.monotonic() + 2
    monkeypatch.setattr(time, "monotonic", lambda: clock)

    assert (await verifier.verify(source.token())).user == "ada"


def _now_plus(seconds: float) -> float:
    return time.time() + seconds


async def test_times_are_judged_by_the_clock_that_is_given() -> None:
    verifier = Verifier(SharedSecret(SECRET))
    token = sign(SECRET, "ada", seconds=600)
    verifier.clock = lambda: time.time() + 599
    assert (await verifier.verify(token)).user == "ada"
    for wrong in (601, -31):
        verifier.clock = partial(_now_plus, wrong)
        assert await refusal(verifier, token) is Code.UNAUTHORIZED


@pytest.mark.parametrize(
    ("claims", "is_good"),
    [
        ({"aud": "chat", "iss": "us"}, True),
        ({"aud": ["other", "chat"], "iss": "us"}, True),
        ({"aud": "cha", "iss": "us"}, False),
        ({"aud": "chats", "iss": "us"}, False),
        ({"aud": {"chat": 1}, "iss": "us"}, False),
        ({"iss": "us"}, False),
        ({"aud": "chat"}, False),
        ({"aud": "chat", "iss": "them"}, False),
    ],
)
async def test_a_token_is_for_one_audience_and_of_one_issuer(claims: dict[str, Any], is_good: bool) -> None:
    verifier = Verifier(SharedSecret(SECRET), audience="chat", issuer="us")
    made = jwt.encode({"sub": "ada", "exp": time.time() + 60} | claims, SECRET, "HS256")

    if is_good:
        assert (await verifier.verify(made)).user == "ada"
    else:
        assert await refusal(verifier, made) is Code.UNAUTHORIZED


@pytest.mark.parametrize(
    "forged",
    [
        lambda good: good[:-2] + ("AA" if good[-2:] != "AA" else "BA"),
        lambda good: ".".join((*good.split(".")[:2], "")),
        lambda good: jwt.encode({"sub": "eve", "exp": time.time() + 60}, SECRET + "!", "HS256"),
        lambda good: jwt.encode({"sub": "eve", "exp": time.time() + 60}, SECRET, "HS384"),
        lambda good: jwt.encode({"sub": "eve", "exp": time.time() + 60}, "", "none"),
        lambda good: jwt.encode({"sub": 7, "exp": time.time() + 60}, SECRET, "HS256"),
        lambda good: jwt.encode({"sub": "eve", "exp": time.time() + 60, "jti": 7}, SECRET, "HS256"),
        lambda good: jwt.encode({"sub": "eve"}, SECRET, "HS256"),
        lambda good: jwt.encode({"exp": time.time() + 60}, SECRET, "HS256"),
        lambda good: jwt.PyJWS().encode(b"[]", SECRET, "HS256"),
        lambda good: jwt.PyJWS().encode(b"no json", SECRET, "HS256"),
    ],
)
async def test_what_the_secret_did_not_sign_or_says_too_little_is_refused(forged: Any) -> None:
    verifier, good = Verifier(SharedSecret(SECRET)), sign(SECRET, "ada")

    assert await refusal(verifier, forged(good)) is Code.UNAUTHORIZED
    assert (await verifier.verify(good)).user == "ada"
    assert await refusal(verifier, forged(good)) is Code.UNAUTHORIZED  # though its head is known now
    assert (await verifier.verify(good)).user == "ada"
