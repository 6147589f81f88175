"""Keys of the HTTP API: their form, their scopes, and their table in Redis.

A key is `rck_` and 256 random bits. Redis stores only its SHA-256. Because 256 random bits cannot be guessed, a slow
hash would add cost without more safety. The id of a key is the beginning of its digest. Logs and lists show only the
id. Two keys may have the same name, so that an operator can replace a key without an interruption: see
`ApiKeys.rotate`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from roomcast.contract import keys
from roomcast.contract.backend.redis_link import RedisLink
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.texts import clean_name

PREFIX: Final = "rck_"
ID_LENGTH: Final = 12
MAX_KEYS: Final = 1_000
MAX_KEY_LENGTH: Final = 100
MAX_RATE: Final = 100_000
DEFAULT_RATE: Final = 100
BURST_SECONDS: Final = 2
"""A key may send as many requests at once as its rate allows in this many seconds."""


class Scope(StrEnum):
    """The rights of a key."""

    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    EVENTS_WRITE = "events:write"
    ROOMS_READ = "rooms:read"
    ROOMS_WRITE = "rooms:write"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    MODERATION = "moderation"
    UPLOADS = "uploads"
    TOKENS_SIGN = "tokens:sign"
    TOKENS_OPERATOR = "tokens:operator"
    CLUSTER_READ = "cluster:read"


class ApiKey(msgspec.Struct, frozen=True):
    """A stored key. `created`, `expires` (0: never): unix seconds. `rate`: requests a second (0: default)."""

    name: str
    scopes: tuple[str, ...]
    created: int
    expires: int = 0
    rate: int = 0

    def allows(self, scope: str) -> bool:
        """Tell whether the key has a scope."""
        return scope in self.scopes


class Listed(NamedTuple):
    """A key of the table, with its id."""

    id: str
    key: ApiKey


def digest_of(secret: str) -> str:
    """Return the digest under which a key is stored."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class ApiKeys(RedisLink):
    """The table of keys in Redis. Every method raises RoomcastError when Redis fails."""

    async def create(self, name: str, scopes: Collection[str], *, seconds: float | None = None, rate: int = 0) -> str:
        """Store a new key, and return it. The key cannot be read later. `seconds` None: the key is valid until revoked.

        Raise BAD_REQUEST for an empty name, an unknown scope or a rate out of range, and TOO_LARGE above 1,000 keys.
        """
        name, known = clean_name(name), {scope.value for scope in Scope}
        if not name or not scopes or not set(scopes) <= known:
            raise RoomcastError(Code.BAD_REQUEST, f"a key needs a name, and scopes of {', '.join(sorted(known))}")
        if not 0 <= rate <= MAX_RATE:
            raise RoomcastError(Code.BAD_REQUEST, f"a rate is a number up to {MAX_RATE} requests a second")
        if await self._call("HLEN", keys.API_KEYS) >= MAX_KEYS:
            raise RoomcastError(Code.TOO_LARGE, f"at most {MAX_KEYS} keys are stored: revoke some")
        now = int(self._clock())
        expires = 0 if seconds is None else now + max(1, int(seconds))
        key = ApiKey(name, tuple(sorted(set(scopes))), now, expires, rate)
        secret = PREFIX + secrets.token_urlsafe(32)
        await self._store(digest_of(secret), key)
        return secret

    async def list_keys(self) -> list[Listed]:
        """Return all keys, including expired keys, sorted by name and age."""
        found = [Listed(digest[:ID_LENGTH], key) for digest, key in await self._table()]
        return sorted(found, key=lambda row: (row.key.name, row.key.created, row.id))

    async def revoke(self, key_id: str) -> None:
        """Delete the key with this id, with immediate effect in every process. Raise NOT_FOUND."""
        for digest, _ in await self._table():
            if digest[:ID_LENGTH] == key_id:
                await self._call("HDEL", keys.API_KEYS, digest)
                return
        raise RoomcastError(Code.NOT_FOUND, f"no key has the id {key_id}")

    async def rotate(self, name: str, *, overlap_seconds: float) -> str:
        """Return a new key with the scopes and rate of the newest key of this name.

        The older keys end after the overlap. Raise NOT_FOUND when no key has the name.
        """
        now = int(self._clock())
        held = [(digest, key) for digest, key in await self._table() if key.name == name]
        if not held:
            raise RoomcastError(Code.NOT_FOUND, f"no key has the name {name}")
        newest = max((key for _, key in held), key=lambda key: key.created)
        secret = await self.create(name, newest.scopes, rate=newest.rate)
        end = now + max(0, int(overlap_seconds))
        for digest, key in held:
            if not key.expires or key.expires > end:
                await self._store(digest, msgspec.structs.replace(key, expires=max(1, end)))
        return secret

    async def find(self, secret: str) -> Listed | None:
        """Return the key with this secret, or None if the key is unknown or expired."""
        if len(secret) > MAX_KEY_LENGTH or not secret.startswith(PREFIX):
            return None
        digest = digest_of(secret)
        row = await self._call("HGET", keys.API_KEYS, digest)
        key = None if row is None else msgspec.json.decode(row, type=ApiKey)
        if key is None or 0 < key.expires <= self._clock():
            return None
        return Listed(digest[:ID_LENGTH], key)

    async def take(
        self, found: Listed, *, requests: int = 1, default_rate: int = DEFAULT_RATE, owes: bool = False
    ) -> float:
        """Charge `requests` to the rate of a key. Return 0.0 if the rate allows them, else the seconds to wait.

        `owes`: charge them in any case, because the work is already done. Later requests must wait instead.
        """
        args = (found.key.rate or default_rate, BURST_SECONDS, requests, "owe" if owes else "")
        return int(await self._script("api_take", (keys.api_rate(found.id),), args)) / 1000

    async def _store(self, digest: str, key: ApiKey) -> None:
        await self._call("HSET", keys.API_KEYS, digest, msgspec.json.encode(key))

    async def _table(self) -> list[tuple[str, ApiKey]]:
        flat = await self._call("HGETALL", keys.API_KEYS)
        pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
        return [(digest.decode(), msgspec.json.decode(row, type=ApiKey)) for digest, row in pairs]
