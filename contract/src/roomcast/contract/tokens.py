"""Sign the tokens with which clients connect: JSON Web Tokens (RFC 7519), HS256 with the cluster's shared secret."""

from __future__ import annotations

import json
import re
import time
from functools import lru_cache
from typing import Any, Final

import jwt

MIN_SECRET_BYTES: Final = 32
_SEPARATORS: Final = re.compile(r"[,\n]")
_HS256: Final = jwt.get_algorithm_by_name("HS256")


@lru_cache(maxsize=8)
def secrets_in(value: str) -> tuple[str, ...]:
    """Return the secrets in a setting. The first secret signs tokens. All secrets verify tokens.

    Commas or newlines separate the secrets. In a JSON list of texts, a secret may contain a comma. To replace a secret
    without an interruption, first append the new secret in all processes. Then move it to the front. Remove the old
    secret when the last token that it signed has expired. Raise ValueError for a secret of fewer than 32 bytes, and for
    a public key, with which everyone could sign.
    """
    found = _listed(value) if value.lstrip().startswith("[") else _separated(value)
    if not found or any(len(secret.encode()) < MIN_SECRET_BYTES for secret in found):
        raise ValueError(
            f"each secret must have at least {MIN_SECRET_BYTES} bytes; separate several secrets with commas, and write "
            'secrets that contain a comma as a JSON list: ["…"]'
        )
    for secret in found:
        try:
            _HS256.prepare_key(secret)
        except jwt.InvalidKeyError:
            raise ValueError(
                "a public key or certificate is not a secret; use ROOMCAST_JWKS_URL for tokens with key pairs"
            ) from None
    return found


def _separated(value: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in _SEPARATORS.split(value))))


def _listed(value: str) -> tuple[str, ...]:
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(secret, str) for secret in found):
        raise ValueError("a value that begins with [ must be a JSON list of secrets")
    return tuple(found)


def sign(secret: str, user: str, *, name: str | None = None, seconds: float = 12 * 3600, **claims: Any) -> str:
    """Return a token for `user`, valid for `seconds` from now, signed with the first of the secrets in `secret`.

    `name` is the name that others see. `claims` are added unchanged: `rooms` (patterns of rooms that the token opens),
    `ops`, `jti` (an id by which this token can be revoked), `sid` (an id of the sign-in, by which all its tokens can be
    revoked together), `aud` and `iss` if the gateways require them. Raise ValueError for a secret of fewer than 32
    bytes.
    """
    first, *_ = secrets_in(secret)
    now = int(time.time())
    payload: dict[str, Any] = {"sub": user, "iat": now, "exp": now + int(seconds), **claims}
    if name is not None:
        payload["name"] = name
    return jwt.encode(payload, first, algorithm="HS256")
