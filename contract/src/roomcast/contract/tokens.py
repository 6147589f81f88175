"""Signing the tokens that clients connect with: JSON Web Tokens (RFC 7519), HS256 with the cluster's shared secret."""

from __future__ import annotations

import time
from typing import Any, Final

import jwt

MIN_SECRET_BYTES: Final = 32


def sign(secret: str, user: str, *, name: str | None = None, seconds: float = 12 * 3600, **claims: Any) -> str:
    """Return a token for `user`, valid for `seconds` from now.

    `name` is what others see. `claims` are added as they are: `rooms` (patterns of rooms that the token opens), `ops`,
    `jti` (an id by which this one token can be revoked), `aud` and `iss` where the gateways require them. Raises
    ValueError for a secret of fewer than 32 bytes.
    """
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"the secret must hold at least {MIN_SECRET_BYTES} bytes")
    now = int(time.time())
    payload: dict[str, Any] = {"sub": user, "iat": now, "exp": now + int(seconds), **claims}
    if name is not None:
        payload["name"] = name
    return jwt.encode(payload, secret, algorithm="HS256")
