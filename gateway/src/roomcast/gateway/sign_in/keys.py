"""The sources of token keys, and the check of a signature (RFC 7515).

A gateway has either a shared secret (HS256) or a key set (RS256, ES256), never both, so that an attacker cannot use a
public key as a secret. `usual_tokens` accepts the most common tokens; PyJWT checks all other tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

import jwt

from roomcast.contract.tokens import secrets_in
from roomcast.gateway.sign_in.identity import TokenFault, TokenRefused
from roomcast.gateway.sign_in.usual_tokens import read_usual

_SECRET_ALGORITHMS: Final = ["HS256"]
T = TypeVar("T")


class Keys:
    """Verifies tokens."""

    @property
    def is_ready(self) -> bool:
        """Return whether tokens can be verified. The gateway is not ready before that."""
        return True

    async def open(self, token: str) -> bytes:
        """Return the payload of a token with a valid signature.

        Raises TokenRefused for any other token, and RoomcastError(UNAVAILABLE) while there are no keys.
        """
        raise NotImplementedError

    async def run(self) -> None:
        """Keep the keys fresh until cancelled; return at once if the keys never change."""


class SharedSecret(Keys):
    """Verifies HS256 tokens with the secret shared with the back ends; with several secrets during a rotation."""

    def __init__(self, secret: str) -> None:
        self._secrets = [each.encode() for each in secrets_in(secret)]
        self._tokens = jwt.PyJWS(algorithms=_SECRET_ALGORITHMS)

    async def open(self, token: str) -> bytes:
        """Return the payload of a token that one of the secrets signed."""
        payload = read_usual(token, self._secrets)
        if payload is not None:
            return payload
        for secret in self._secrets:
            try:
                return checked(partial(self._decode, token, secret))
            except TokenRefused as refused:
                if refused.fault is not TokenFault.SIGNATURE:
                    raise
        raise TokenRefused(TokenFault.SIGNATURE)

    def _decode(self, token: str, secret: bytes) -> bytes:
        payload: bytes = self._tokens.decode_complete(token, secret, _SECRET_ALGORITHMS)["payload"]
        return payload


def checked(check: Callable[[], T]) -> T:
    """Return the result of `check`, and translate PyJWT's errors to TokenRefused."""
    try:
        return check()
    except jwt.InvalidSignatureError:
        raise TokenRefused(TokenFault.SIGNATURE) from None
    except jwt.InvalidAlgorithmError:
        raise TokenRefused(TokenFault.ALGORITHM) from None
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
        raise TokenRefused(TokenFault.MALFORMED) from None
