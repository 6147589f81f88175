"""Keys from a JWKS (RFC 7517): an https URL, an http URL of this machine, or a file.

One refresh runs at a time, in the background. During a refresh, sign-ins use the known keys, so that a slow or
unreachable key server does not delay them. Only the sign-in of a token with an unknown key waits for the refresh.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

import aiohttp
import jwt

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.sign_in.identity import TokenFault, TokenRefused
from roomcast.gateway.sign_in.keys import Keys, checked
from roomcast.wire.backoff import Backoff
from roomcast.wire.tasks import TaskSet

ALGORITHMS: Final = ("RS256", "ES256")
REFRESH_SECONDS: Final = 300.0
"""Seconds between two refreshes."""
UNKNOWN_KID_SECONDS: Final = 10.0
"""Least seconds between two refreshes for tokens with an unknown key."""
FETCH_SECONDS: Final = 5.0
"""Time limit of one request for the key set, in seconds."""
WAIT_SECONDS: Final = 2.0
"""Longest wait of a sign-in for a refresh that may bring its unknown key."""

_FIRST_RETRY_SECONDS: Final = 1.0
_LAST_RETRY_SECONDS: Final = 30.0
_MAX_BYTES: Final = 1_000_000
_MAX_CANDIDATES: Final = 20

_READ_FAULTS: Final = (
    jwt.PyJWTError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    RecursionError,
    OSError,
    aiohttp.ClientError,
)
"""Every error that reading a key set can raise, whatever the server answers."""

Fetch = Callable[[], Awaitable[bytes]]
_log = logging.getLogger(__name__)


class JwksKeys(Keys):
    """Verifies RS256 and ES256 tokens with the key set at `location`. `clock` is monotonic, in seconds."""

    def __init__(
        self, location: str, *, fetch: Fetch | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch or fetcher(location)
        self._clock = clock
        self._tokens = jwt.PyJWS(algorithms=list(ALGORITHMS))
        self._set: list[jwt.PyJWK] | None = None
        self._tried_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None
        self._pause = REFRESH_SECONDS
        self._backoff = Backoff(_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS)
        self._tasks = TaskSet()

    @property
    def is_ready(self) -> bool:
        """Return whether a key set has been read since the start."""
        return self._set is not None

    async def run(self) -> None:
        """Refresh every five minutes, and sooner after a failure."""
        while True:
            await self._wait_refreshed(FETCH_SECONDS + 1)
            await asyncio.sleep(self._pause)

    # --- verifying ---

    async def open(self, token: str) -> bytes:
        """Return the payload of a token that a key of the set signed."""
        header = checked(lambda: jwt.get_unverified_header(token))
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise TokenRefused(TokenFault.ALGORITHM)
        if not self._candidates(algorithm, kid) and self._may_wait():
            await self._wait_refreshed(WAIT_SECONDS)
        elif self._clock() - self._tried_at > REFRESH_SECONDS:
            self._refresh()
        if self._set is None:
            raise RoomcastError(Code.UNAVAILABLE, "the keys of tokens cannot be read")
        return self._verify(token, algorithm, self._candidates(algorithm, kid))

    def _verify(self, token: str, algorithm: str, candidates: list[jwt.PyJWK]) -> bytes:
        """Try each candidate: any key of the right type may have signed a token without `kid`."""
        fault = TokenFault.UNKNOWN_KEY
        for key in candidates:
            try:
                payload: bytes = checked(
                    partial(lambda key: self._tokens.decode_complete(token, key, [algorithm])["payload"], key.key)
                )
            except TokenRefused as refused:
                fault = refused.fault
            else:
                return payload
        raise TokenRefused(fault)

    def _candidates(self, algorithm: str, kid: str | None) -> list[jwt.PyJWK]:
        found = [
            key
            for key in self._set or ()
            if kid in (None, key.key_id) and key.algorithm_name in (None, algorithm) and key.public_key_use != "enc"
        ]
        return found[:_MAX_CANDIDATES]

    def _may_wait(self) -> bool:
        """Return whether a token with an unknown key may wait: a refresh is in progress, or may begin now."""
        least = _FIRST_RETRY_SECONDS if self._set is None else UNKNOWN_KID_SECONDS
        return self._refreshing is not None or self._clock() - self._tried_at > least

    # --- refreshing ---

    def _refresh(self) -> asyncio.Task[None]:
        """Begin a refresh, unless one is in progress; return its task."""
        if self._refreshing is None:
            self._tried_at = self._clock()
            self._refreshing = self._tasks.start(self._read(), "token keys")
        return self._refreshing

    async def _wait_refreshed(self, seconds: float) -> None:
        await asyncio.wait({self._refresh()}, timeout=seconds)

    async def _read(self) -> None:
        try:
            self._set = read_key_set(await self._fetch())
        except _READ_FAULTS as error:
            self._pause = self._backoff.pause()
            _log.warning("the keys of tokens cannot be read (%s): %s", type(error).__name__, error)
        else:
            self._pause = REFRESH_SECONDS
            self._backoff.reset()
        finally:
            self._refreshing = None


def read_key_set(data: bytes) -> list[jwt.PyJWK]:
    """Return the usable keys of a JWKS; raises PyJWTError or ValueError if there are none."""
    return list(jwt.PyJWKSet.from_dict(json.loads(data)).keys)


def fetcher(location: str) -> Fetch:
    """Return a function that reads `location`: an http or https URL, a file URL, or a path."""
    if location.startswith(("https://", "http://")):
        return partial(_fetch_url, location)
    path = Path(location.removeprefix("file://"))
    return lambda: asyncio.to_thread(path.read_bytes)


async def _fetch_url(url: str) -> bytes:
    """Read a URL; raises aiohttp.ClientError, TimeoutError (an OSError), or ValueError for a body that is too large.

    The request follows no redirects, because they could lead from https to http.
    """
    headers = {"Accept": "application/json", "User-Agent": f"roomcast-gateway/{version('roomcast-gateway')}"}
    timeout = aiohttp.ClientTimeout(total=FETCH_SECONDS)
    async with (
        aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=True) as http,
        http.get(url, allow_redirects=False) as answer,
    ):
        if answer.status != 200:
            raise ValueError(f"the key server answers {answer.status}")
        body = bytearray()
        async for chunk in answer.content.iter_any():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError(f"the key set has more than {_MAX_BYTES} bytes")
        return bytes(body)


def check_location(location: str) -> str:
    """Return a usable JWKS location unchanged; raise ValueError, with the reason, for any other.

    Plain http is allowed on this machine only: an attacker in the network could replace the keys, and so sign in as
    any user.
    """
    scheme, separator, rest = location.partition("://")
    if not separator or scheme == "file":
        return location
    if scheme == "https" and rest:
        return location
    if scheme == "http" and rest:
        host = rest.split("/", 1)[0].rpartition("@")[2]
        name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
        if name in ("localhost", "127.0.0.1", "::1"):
            return location
        raise ValueError("http:// is for keys on this machine only; use https://, or a file")
    raise ValueError(f"{scheme}:// cannot be read; use https://, file://, or a path")
