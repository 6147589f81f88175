"""Who is there: JSON Web Tokens (RFC 7519), verified at connect and at `auth:refresh`.

HS256 with a shared secret, or RS256/ES256 with keys from a JWKS (RFC 7517) file or https URL; never both, so that a
public key cannot be passed off as a secret. Every failure is one generic refusal: a caller learns nothing from it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import jwt
import orjson
from jwt.algorithms import HMACAlgorithm
from msgspec import Struct

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import encode_subject
from roomcast.contract.texts import clean_name
from roomcast.contract.tokens import sign as sign

LEEWAY_SECONDS: Final = 30
_JWKS_SECONDS: Final = 300
_JWKS_UNKNOWN_KID_SECONDS: Final = 10
_JWKS_RETRY_SECONDS: Final = 1
_MAX_TOKEN: Final = 8192
_MAX_PATTERNS: Final = 100
_MAX_KNOWN_HEADS: Final = 8
_MAX_EXPIRES: Final = 2**53 / 1000
"""Unix seconds whose milliseconds a browser can count."""

_log = logging.getLogger(__name__)


class Identity(Struct, frozen=True):
    """What a valid token says. `expires` and `issued` are unix seconds; `rooms` and `create` are `fnmatch` patterns."""

    user: str
    name: str
    expires: float
    issued: int
    token_id: str
    rooms: tuple[str, ...]
    ops: bool
    create: tuple[str, ...] = ()

    def matches(self, room: str) -> bool:
        """Return whether the token itself lets its bearer into the room."""
        return matches(room, self.rooms)


def matches(room: str, patterns: Iterable[str]) -> bool:
    """Return whether one of the patterns fits the room's id."""
    return any(fnmatchcase(room, pattern) for pattern in patterns)


class Keys:
    """Opens tokens."""

    async def open(self, token: str) -> bytes:
        """The payload of a token whose signature is right; raises PyJWTError for another, or RoomcastError."""
        raise NotImplementedError


class _PreparedSecret(HMACAlgorithm):
    """HS256 with one secret. PyJWT looks at the secret anew with each token, whether it is a key file of some kind:
    half of what a token costs."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(HMACAlgorithm.SHA256)
        self._secret = super().prepare_key(secret)
        self._keyed = hmac.new(self._secret, digestmod="sha256")
        """Copied for each token: `hmac.digest` has OpenSSL look the algorithm up each time."""

    def prepare_key(self, key: str | bytes) -> bytes:
        return self._secret

    def check_key_length(self, key: bytes) -> None:
        """`SharedSecret` has done it."""

    def signs(self, text: str, signature: str) -> bool:
        """Is this the signature of `text`, written in the one way of RFC 7515, section 2?"""
        mac = self._keyed.copy()
        mac.update(text.encode())
        right = urlsafe_b64encode(mac.digest()).rstrip(b"=")
        return hmac.compare_digest(right, signature.encode())


class SharedSecret(Keys):
    """HS256."""

    def __init__(self, secret: str) -> None:
        if len(secret.encode()) < 32:
            raise ValueError("ROOMCAST_JWT_SECRET must hold at least 32 bytes")
        self._secret = _PreparedSecret(secret.encode())
        self._tokens = jwt.PyJWS(algorithms=["HS256"])
        self._tokens.unregister_algorithm("HS256")
        self._tokens.register_algorithm("HS256", self._secret)
        self._known_heads: set[str] = set()
        """Heads of tokens that PyJWT took: issuers write one or two, and what they say need not be read again."""

    async def open(self, token: str) -> bytes:
        signed, _, signature = token.rpartition(".")
        head, _, body = signed.partition(".")
        if head in self._known_heads and self._secret.signs(signed, signature):
            return urlsafe_b64decode(body + "==")
        payload: bytes = self._tokens.decode_complete(token, "", ["HS256"])["payload"]
        if len(self._known_heads) < _MAX_KNOWN_HEADS:
            self._known_heads.add(head)
        return payload


class JwksKeys(Keys):
    """RS256 and ES256 by a JWKS (https URL or file); read again every five minutes and for an unknown `kid`.

    Keys that were read once stay good while the place they come from does not answer.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._tokens = jwt.PyJWS(algorithms=["RS256", "ES256"])
        self._set: jwt.PyJWKSet | None = None
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def open(self, token: str) -> bytes:
        key, algorithms = await self._key_of(token)
        payload: bytes = self._tokens.decode_complete(token, key, algorithms)["payload"]
        return payload

    async def _key_of(self, token: str) -> tuple[Any, list[str]]:
        header = jwt.get_unverified_header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ("RS256", "ES256"):
            raise jwt.InvalidAlgorithmError("only RS256 and ES256")
        for key in (await self._current(kid)).keys:
            if kid in (None, key.key_id) and key.algorithm_name in (None, algorithm):
                return key.key, [algorithm]
        raise jwt.InvalidKeyError("no key of this kid")

    async def _current(self, kid: str | None) -> jwt.PyJWKSet:
        async with self._lock:
            if self._is_due(kid, time.monotonic() - self._tried_at):
                await self._try_to_read()
        if self._set is None:
            raise RoomcastError(Code.UNAVAILABLE, "the keys of tokens cannot be read")
        return self._set

    def _is_due(self, kid: str | None, age: float) -> bool:
        if self._set is None:
            return age > _JWKS_RETRY_SECONDS
        return age > _JWKS_SECONDS or (age > _JWKS_UNKNOWN_KID_SECONDS and not self._has(kid))

    async def _try_to_read(self) -> None:
        try:
            self._set = await asyncio.to_thread(self._read)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError, OSError) as error:
            _log.warning("the JWKS cannot be read: %s", error)
        self._tried_at = time.monotonic()

    def _has(self, kid: str | None) -> bool:
        return self._set is not None and any(kid in (None, key.key_id) for key in self._set.keys)

    def _read(self) -> jwt.PyJWKSet:
        if self._location.startswith("https://"):
            data = jwt.PyJWKClient(self._location, timeout=5).fetch_data()
        else:
            data = json.loads(Path(self._location.removeprefix("file://")).read_text())
        return jwt.PyJWKSet.from_dict(data)


class Verifier:
    """Turns a token into an Identity."""

    def __init__(self, key_source: Keys, *, audience: str | None = None, issuer: str | None = None) -> None:
        self._keys = key_source
        self._audience = audience
        self._issuer = issuer
        self.clock: Callable[[], float] = time.time
        """The time by which tokens are judged, seconds since the epoch."""

    async def verify(self, token: object) -> Identity:
        """Raises RoomcastError: UNAUTHORIZED, the same for every reason; UNAVAILABLE while there are no keys at all."""
        if not isinstance(token, str) or not token or len(token) > _MAX_TOKEN:
            raise RoomcastError(Code.UNAUTHORIZED)
        try:
            claims = _read(await self._keys.open(token))
            self._check_parties(claims)
            return _identity(claims, self.clock())
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise RoomcastError(Code.UNAUTHORIZED) from error

    def _check_parties(self, claims: dict[str, Any]) -> None:
        """RFC 7519, sections 4.1.1 and 4.1.3: who made the token, and for whom."""
        if self._issuer is not None and claims.get("iss") != self._issuer:
            raise ValueError("not of this issuer")
        if self._audience is not None:
            listed = claims.get("aud")
            audiences = [listed] if isinstance(listed, str) else listed
            if not isinstance(audiences, list) or self._audience not in audiences:
                raise ValueError("not for this audience")


def _read(payload: bytes) -> dict[str, Any]:
    try:
        claims = orjson.loads(payload)
    except orjson.JSONDecodeError:
        claims = json.loads(payload)  # it lets half a surrogate pair pass
    if not isinstance(claims, dict):
        raise ValueError("no claims")
    if not (isinstance(claims["sub"], str) and isinstance(claims.get("jti", ""), str)):
        raise ValueError("sub and jti are texts")
    return claims


def _identity(claims: dict[str, Any], now: float) -> Identity:
    """The leeway is for clocks that run behind the issuer's: a session is not opened to be closed a second later."""
    user = encode_subject(claims["sub"])
    name, expires = claims.get("name"), float(claims["exp"])
    if not now < expires <= _MAX_EXPIRES:
        raise ValueError("expired, or never expires")
    if max(float(claims.get("nbf", 0)), float(claims.get("iat", 0))) > now + LEEWAY_SECONDS:
        raise ValueError("not valid yet")
    return Identity(
        user=user,
        name=(clean_name(name) if isinstance(name, str) else "") or user,
        expires=expires,
        issued=int(claims.get("iat", 0)),
        token_id=_mended(str(claims.get("jti", ""))[:128]),
        rooms=_patterns(claims, "rooms"),
        ops=claims.get("ops") is True,
        create=_patterns(claims, "create"),
    )


def _patterns(claims: dict[str, Any], name: str) -> tuple[str, ...]:
    """Return the room patterns in a claim, at most a hundred."""
    patterns = claims.get(name, [])
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
        raise ValueError(f"{name} is not a list of texts")
    return tuple(patterns[:_MAX_PATTERNS])


def _mended(text: str) -> str:
    """`text` as UTF-8 can hold it: half a surrogate pair (a name cut in the middle of an emoji) becomes `?`."""
    return text.encode("utf-8", "replace").decode()
