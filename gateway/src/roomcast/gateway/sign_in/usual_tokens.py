"""Accept the most common tokens without PyJWT: HS256, with one of the two headers that JWT libraries write.

Every sign-in checks a token, and PyJWT takes five times as long, because it reads the header and prepares the secret
anew each time. This module never refuses a token: PyJWT checks all other tokens, and gives the reason of each refusal.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from hmac import compare_digest, digest
from typing import Final


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


_HEADERS: Final = frozenset(map(_encoded, (b'{"alg":"HS256","typ":"JWT"}', b'{"typ":"JWT","alg":"HS256"}')))


def read_usual(token: str, secrets: Iterable[bytes]) -> bytes | None:
    """Return the payload of a token that has a usual header and was signed with one of the secrets; else None.

    The signature covers header and payload as they are written (RFC 7515, section 5.2). Signature and payload must be
    in canonical base64url. PyJWT would accept each token that this function accepts.
    """
    signed, _, signature = token.rpartition(".")
    header, dot, payload = signed.partition(".")
    if not dot or header not in _HEADERS or not token.isascii():
        return None
    for secret in secrets:
        if compare_digest(_encoded(digest(secret, signed.encode(), "sha256")), signature):
            return _decoded(payload)
    return None


def _decoded(text: str) -> bytes | None:
    """Decode base64url without padding; return None for any other text."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return data if _encoded(data) == text else None
