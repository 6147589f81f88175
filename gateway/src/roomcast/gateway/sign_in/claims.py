"""Read the claims of a token with a valid signature (RFC 7519, section 4). Pure; raises TokenRefused."""

from __future__ import annotations

import json
import math
from typing import Any, Final

import orjson

from roomcast.contract.app_data import check_data
from roomcast.contract.errors import RoomcastError
from roomcast.contract.ids import encode_subject
from roomcast.contract.limits import MAX_TOKEN_ID
from roomcast.contract.profile import is_picture
from roomcast.contract.texts import clean_name
from roomcast.gateway.sign_in.identity import Identity, TokenFault, TokenRefused

LEEWAY_SECONDS: Final = 30
"""Seconds by which the issuer's clock may run ahead, for `iat` and `nbf`.

`exp` has no leeway, because the gateway disconnects a session whose token has expired.
"""

MAX_EXPIRES: Final = 1e11
"""Largest `exp`, in unix seconds (the year 5138). A larger value must be in milliseconds, and is refused."""

_MAX_PATTERNS: Final = 100


def read_identity(payload: bytes, now: float, *, audience: str | None = None, issuer: str | None = None) -> Identity:
    """Return the identity in the payload of a token, checked at the time `now` (unix seconds)."""
    claims = _parse(payload)
    _check_parties(claims, audience, issuer)
    expires = _expiry(claims, now)
    issued = _number(claims, "iat")
    if max(issued, _number(claims, "nbf")) > now + LEEWAY_SECONDS:
        raise TokenRefused(TokenFault.EARLY)
    user, name = _user(claims), claims.get("name")
    clean = clean_name(name) if isinstance(name, str) else ""
    picture = claims.get("picture")
    return Identity(
        user=user,
        name=clean or user,
        is_named=bool(clean),
        picture=picture if is_picture(picture) else "",
        data=_data(claims),
        expires=expires,
        issued=int(issued),
        token_id=_id(claims, "jti"),
        rooms=_patterns(claims, "rooms"),
        ops=claims.get("ops") is True,
        create=_patterns(claims, "create"),
        session_id=_id(claims, "sid"),
    )


def _parse(payload: bytes) -> dict[str, Any]:
    try:
        claims = orjson.loads(payload)
    except orjson.JSONDecodeError:
        claims = _parse_with_half_pairs(payload)
    if not isinstance(claims, dict):
        raise TokenRefused(TokenFault.MALFORMED)
    return claims


def _parse_with_half_pairs(payload: bytes) -> Any:
    """Parse JSON with half a surrogate pair, which orjson refuses. Some issuers truncate names inside an emoji."""
    try:
        return json.loads(payload, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise TokenRefused(TokenFault.MALFORMED) from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _check_parties(claims: dict[str, Any], audience: str | None, issuer: str | None) -> None:
    """Check the issuer and the audience of the token (RFC 7519, sections 4.1.1 and 4.1.3)."""
    if issuer is not None and claims.get("iss") != issuer:
        raise TokenRefused(TokenFault.ISSUER)
    if audience is not None:
        listed = claims.get("aud")
        audiences = [listed] if isinstance(listed, str) else listed
        if not isinstance(audiences, list) or audience not in audiences:
            raise TokenRefused(TokenFault.AUDIENCE)


def _expiry(claims: dict[str, Any], now: float) -> float:
    value: Any = claims.get("exp")
    if not _is_number(value) or not 0 < value <= MAX_EXPIRES:
        raise TokenRefused(TokenFault.EXPIRY)
    if value <= now:
        raise TokenRefused(TokenFault.EXPIRED)
    return float(value)


def _number(claims: dict[str, Any], name: str) -> float:
    """Return an optional time; 0 if the claim is absent."""
    value = claims.get(name, 0)
    if not _is_number(value):
        raise TokenRefused(TokenFault.CLAIMS)
    return float(value)


def _is_number(value: Any) -> bool:
    """Return whether the value is a NumericDate: a finite JSON number, neither a string nor a boolean."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 2**63 and math.isfinite(value)


def _user(claims: dict[str, Any]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str):
        raise TokenRefused(TokenFault.CLAIMS)
    try:
        return encode_subject(subject)
    except ValueError:
        raise TokenRefused(TokenFault.CLAIMS) from None


def _id(claims: dict[str, Any], name: str) -> str:
    """Return an id in a form that UTF-8 can encode: half a surrogate pair becomes `?`."""
    value = claims.get(name, "")
    if not isinstance(value, str):
        raise TokenRefused(TokenFault.CLAIMS)
    return value[:MAX_TOKEN_ID].encode("utf-8", "replace").decode()


def _data(claims: dict[str, Any]) -> dict[str, Any] | None:
    """Return the application's object in `data`; None if it is absent or over the limits."""
    data = claims.get("data")
    if not isinstance(data, dict):
        return None
    try:
        check_data(data)
    except RoomcastError:
        return None
    return data


def _patterns(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    """Return the room patterns in a claim, at most a hundred."""
    patterns = claims.get(name, [])
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise TokenRefused(TokenFault.CLAIMS)
    return tuple(patterns[:_MAX_PATTERNS])
