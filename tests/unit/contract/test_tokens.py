"""Gateways accept the tokens that the contract signs."""

from __future__ import annotations

import time

import jwt
import pytest

from roomcast.contract.tokens import sign
from roomcast.gateway.sign_in.keys import SharedSecret
from roomcast.gateway.sign_in.verifier import Verifier

SECRET = "a secret of the tests long enough for HS256"


async def test_a_gateway_reads_a_signed_token() -> None:
    token = sign(SECRET, "auth0|x1", name="Ada", seconds=60, rooms=["team:*"], ops=True, jti="t1")
    identity = await Verifier(SharedSecret(SECRET)).verify(token)
    assert (identity.user, identity.name, identity.token_id, identity.ops) == ("x--auth0-7Cx1", "Ada", "t1", True)
    assert identity.matches("team:red")
    assert 0 < identity.expires - time.time() <= 60
    assert abs(identity.issued - time.time()) < 5


def test_a_token_without_a_name_has_no_name_claim() -> None:
    claims = jwt.decode(sign(SECRET, "ada"), SECRET, algorithms=["HS256"])
    assert set(claims) == {"sub", "iat", "exp"}


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        sign("short", "ada")


@pytest.mark.parametrize(
    "secret",
    [
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 ada@example.com",
        '["-----BEGIN PUBLIC KEY-----\\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\\n-----END PUBLIC KEY-----"]',
    ],
)
def test_a_public_key_is_refused_as_a_secret(secret: str) -> None:
    """A client that knows the public key could sign tokens with it (RFC 8725, section 2.1)."""
    with pytest.raises(ValueError, match="public key"):
        SharedSecret(secret)
