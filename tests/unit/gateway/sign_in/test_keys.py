"""Tokens that are signed with a shared secret, and forged tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roomcast.contract.tokens import sign
from roomcast.gateway.sign_in.identity import TokenFault, TokenRefused
from roomcast.gateway.sign_in.keys import SharedSecret
from roomcast.gateway.sign_in.usual_tokens import read_usual

SECRET = "a secret of the tests longer than 32 bytes"
OLDER = "an older secret of the tests that is to be replaced"
GOOD = sign(SECRET, "ada")


async def fault(token: str) -> TokenFault:
    with pytest.raises(TokenRefused) as caught:
        await SharedSecret(SECRET).open(token)
    return caught.value.fault


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(text: str, secret: str = SECRET) -> str:
    """Return the text, followed by its HMAC-SHA-256."""
    return f"{text}.{encoded(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def forged(header: dict[str, Any], secret: str = SECRET) -> str:
    """Return a token with this header, signed with HMAC-SHA-256 even if the header names another algorithm."""
    parts = (json.dumps(header).encode(), json.dumps({"sub": "eve", "exp": 2e9}).encode())
    return signed(".".join(map(encoded, parts)), secret)


async def test_open_returns_the_payload_of_a_valid_token() -> None:
    assert json.loads(await SharedSecret(SECRET).open(GOOD))["sub"] == "ada"
    assert json.loads(await SharedSecret(SECRET).open(forged({"alg": "HS256"})))["sub"] == "eve"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (GOOD[:-2] + ("AA" if GOOD[-2:] != "AA" else "BA"), TokenFault.SIGNATURE),
        (GOOD.rpartition(".")[0] + ".", TokenFault.SIGNATURE),
        (forged({"alg": "HS256"}, SECRET + "!"), TokenFault.SIGNATURE),
        (forged({"alg": "HS256"}, ""), TokenFault.SIGNATURE),
        (forged({"alg": "none"}), TokenFault.ALGORITHM),
        (forged({"alg": "none"}).rpartition(".")[0] + ".", TokenFault.ALGORITHM),
        (forged({"alg": "HS384"}), TokenFault.ALGORITHM),
        (forged({"alg": "RS256"}), TokenFault.ALGORITHM),
        (forged({"alg": "hs256"}), TokenFault.ALGORITHM),
        (forged({"alg": ["HS256"]}), TokenFault.ALGORITHM),
        (forged({}), TokenFault.ALGORITHM),
        (forged({"alg": "HS256", "crit": ["x"], "x": 1}), TokenFault.MALFORMED),
        (forged({"alg": "HS256", "kid": 7}), TokenFault.MALFORMED),
        ("x", TokenFault.MALFORMED),
        ("..", TokenFault.MALFORMED),
        (GOOD + ".x", TokenFault.MALFORMED),
        (GOOD.replace(".", " .", 1), TokenFault.MALFORMED),
        ("\ud83d." + GOOD, TokenFault.MALFORMED),
        ("é" + GOOD, TokenFault.MALFORMED),
    ],
    ids=lambda value: value.value if isinstance(value, TokenFault) else "token",
)
async def test_a_token_not_signed_with_the_secret_is_refused(token: str, reason: TokenFault) -> None:
    assert await fault(token) is reason


async def test_forged_tokens_with_the_header_of_an_accepted_token_are_refused() -> None:
    keys = SharedSecret(SECRET)
    await keys.open(GOOD)
    head, body, _ = GOOD.split(".")
    for bad in (
        forged({"alg": "HS256", "typ": "JWT"}, "another secret of thirty-two bytes"),
        f"{head}.{body}.",
        f"{head}.{body}.AAAA",
    ):
        with pytest.raises(TokenRefused):
            await keys.open(bad)
    await keys.open(GOOD)


async def test_a_signature_with_wrong_padding_or_in_the_standard_base64_alphabet_is_refused() -> None:
    text, _, signature = next(parts for parts in _signed_tokens() if "-" in parts[2] and "_" in parts[2])
    assert json.loads(await SharedSecret(SECRET).open(f"{text}.{signature}"))
    standard = signature.replace("-", "+").replace("_", "/")
    for other in (signature + "=" * 9, standard):
        assert await fault(f"{text}.{other}") in (TokenFault.MALFORMED, TokenFault.SIGNATURE)


def _signed_tokens() -> Iterator[tuple[str, str, str]]:
    """Yield tokens of different users, each as its text, a dot and its signature."""
    return (sign(SECRET, f"user{number}").rpartition(".") for number in range(10_000))


@given(st.integers(0, len(GOOD.partition(".")[2]) - 1), st.characters(codec="ascii"))
async def test_a_token_with_a_changed_character_is_refused(at: int, character: str) -> None:
    body, _, signature = GOOD.partition(".")[2].partition(".")
    text = body + "." + signature
    changed = GOOD.partition(".")[0] + "." + text[:at] + character + text[at + 1 :]
    try:
        payload = await SharedSecret(SECRET).open(changed)
    except TokenRefused:
        return
    assert payload == await SharedSecret(SECRET).open(GOOD)  # the last base64 character has unused bits


USUAL = encoded(b'{"alg":"HS256","typ":"JWT"}')
BODY = encoded(b'{"sub":"eve","exp":2000000000}')


@pytest.mark.parametrize("header", [b'{"alg":"HS256","typ":"JWT"}', b'{"typ":"JWT","alg":"HS256"}'])
def test_read_usual_accepts_a_token_with_a_usual_header(header: bytes) -> None:
    token = signed(f"{encoded(header)}.{BODY}", OLDER)
    assert read_usual(token, [SECRET.encode(), OLDER.encode()]) == b'{"sub":"eve","exp":2000000000}'
    assert read_usual(token, [SECRET.encode()]) is None
    assert read_usual(token, []) is None


@pytest.mark.parametrize(
    "token",
    [
        signed(encoded(b"{}") + f".{BODY}"),
        signed(encoded(b'{"alg":"none","typ":"JWT"}') + f".{BODY}"),
        signed(encoded(b'{"alg":"HS256","typ":"JWT","crit":["x"]}') + f".{BODY}"),
        signed(f"{USUAL}.{BODY}="),
        signed(f"{USUAL}.{BODY}!"),
        signed(f"{USUAL}. {BODY}"),
        signed(f"{USUAL}.{BODY}.{BODY}"),
        signed(f"{USUAL}.x"),
        signed(f"{USUAL}.é"),
        signed(USUAL),
        signed(f"{USUAL}.{BODY}") + "=",
        signed(f"{USUAL}.{BODY}") + "é",
        f"{USUAL}.{BODY}.",
        f"{USUAL}.{BODY}",
        USUAL,
        ".",
    ],
)
async def test_read_usual_returns_none_for_any_other_token(token: str) -> None:
    assert read_usual(token, [SECRET.encode()]) is None


@given(st.text("=.-_AZaz09é", max_size=24), st.integers(0, 3))
async def test_read_usual_and_pyjwt_return_the_same_payload(body: str, extra: int) -> None:
    token = signed(f"{USUAL}.{body}") + "=" * extra
    payload = read_usual(token, [SECRET.encode()])
    if payload is not None:
        assert jwt.PyJWS(algorithms=["HS256"]).decode_complete(token, SECRET, ["HS256"])["payload"] == payload


@pytest.mark.parametrize("secret", ["", "short", "x" * 31])
def test_a_short_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        SharedSecret(secret)


WITH_COMMA = "a secret, with a comma, of the tests"


@pytest.mark.parametrize("listed", [json.dumps([WITH_COMMA, OLDER]), f"\n [{json.dumps(WITH_COMMA)}]"])
async def test_a_secret_with_a_comma_can_be_given_in_a_json_list(listed: str) -> None:
    signed = jwt.encode({"sub": "ada"}, WITH_COMMA, algorithm="HS256")
    assert json.loads(await SharedSecret(listed).open(signed))["sub"] == "ada"
    assert jwt.decode(sign(listed, "ada"), WITH_COMMA, algorithms=["HS256"])["sub"] == "ada"


@pytest.mark.parametrize(
    "value", ["[]", "[" + "x" * 40, '["short"]', "[7]", json.dumps([SECRET, 7]), '{"a":1}', f"{SECRET},short"]
)
def test_an_invalid_list_of_secrets_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        SharedSecret(value)


def test_a_public_key_is_refused_as_a_secret() -> None:
    """Each line of the key counts as a secret. The first line is too short."""
    pem = "-----BEGIN PUBLIC KEY-----\n" + "A" * 64 + "\n-----END PUBLIC KEY-----"
    with pytest.raises(ValueError, match="at least 32 bytes"):
        SharedSecret(pem)


@pytest.mark.parametrize("separator", [",", "\n", " , \n"])
async def test_tokens_of_the_new_and_the_old_secret_are_valid_during_a_rotation(separator: str) -> None:
    keys = SharedSecret(f"{SECRET}{separator}{OLDER}")
    for secret in (SECRET, OLDER):
        assert json.loads(await keys.open(sign(secret, "ada")))["sub"] == "ada"
    with pytest.raises(TokenRefused, match="signature"):
        await keys.open(sign("x" * 40, "ada"))
    with pytest.raises(TokenRefused, match="algorithm"):
        await keys.open(forged({"alg": "none"}))


async def test_sign_uses_the_first_secret() -> None:
    token = sign(f"{SECRET},{OLDER}", "ada")
    assert json.loads(await SharedSecret(SECRET).open(token))["sub"] == "ada"
    with pytest.raises(TokenRefused, match="signature"):
        await SharedSecret(OLDER).open(token)


def test_a_list_with_one_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes; separate several"):
        SharedSecret(f"{SECRET},short")
