"""Find the API key of a request, check the key's scopes, and charge the request to the key's rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.types import Scope

from roomcast.api.guard import KEY_ID, header_of
from roomcast.api.parts import Parts, parts_of
from roomcast.contract.api_keys import Listed
from roomcast.contract.errors import Code, RoomcastError

ROWS_PER_REQUEST: Final = 25
"""The number of looked-up rows in an answer that cost as much as one request."""
BYTES_PER_REQUEST: Final = 65_536
"""The number of bytes in a body or an answer that cost as much as one request."""
_FOUND: Final = "key"
"""The name of the API key in the state of the ASGI scope, where `Admission` stores it before the body is read."""
_CHARGED: Final = "charged"
"""The name of the number of requests, in the state of the ASGI scope, that this request has already cost."""
_NO_KEY: Final = "send an API key: Authorization: Bearer rck_…"

_bearer: Final = HTTPBearer(
    scheme_name="ApiKey", bearerFormat="rck_…", description="An API key: `roomcast api-keys create`.", auto_error=False
)


async def authenticate(
    scopes: SecurityScopes,
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    parts: Annotated[Parts, Depends(parts_of)],
) -> Listed:
    """Return the API key of a request.

    Raise UNAUTHORIZED without a valid key, FORBIDDEN without a needed scope, RATE_LIMITED above the key's rate.
    """
    if given is None:
        raise RoomcastError(Code.UNAUTHORIZED, _NO_KEY)
    state = request.scope["state"]
    found = state.get(_FOUND) or await _find(parts, given.credentials)
    state[KEY_ID] = found.id
    missing = [scope for scope in scopes.scopes if not found.key.allows(scope)]
    if missing:
        raise RoomcastError(Code.FORBIDDEN, f"the API key lacks the scope {missing[0]}")
    if not state.get(_CHARGED):
        await charge(parts, found, 1)
    return found


class Admission:
    """Refuses requests with a body before the body is read or parsed: without a valid API key, or above its rate.

    FastAPI parses a body before `authenticate` runs. Without this check, a key without any right or rate could occupy
    the process with large bodies.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def before_body(self, scope: Scope) -> None:
        """Find the key, store it for `authenticate`, and charge one request. Raise UNAUTHORIZED or RATE_LIMITED."""
        scheme, _, secret = header_of(scope, b"authorization").decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            raise RoomcastError(Code.UNAUTHORIZED, _NO_KEY)
        found = await _find(self._parts, secret.strip())
        scope["state"] |= {_FOUND: found, KEY_ID: found.id}
        await charge(self._parts, found, 1)
        scope["state"][_CHARGED] = 1

    async def after_body(self, scope: Scope, size: int) -> None:
        """Charge a large body: one more request for each BYTES_PER_REQUEST bytes. Raise RATE_LIMITED."""
        if more := size // BYTES_PER_REQUEST:
            await charge(self._parts, scope["state"][_FOUND], more)
            scope["state"][_CHARGED] += more


def charged_so_far(request: Request) -> int:
    """Return the number of requests that this request, with its body, has cost."""
    return int(request.scope["state"].get(_CHARGED, 1))


async def _find(parts: Parts, secret: str) -> Listed:
    with _nothing_done():
        found = await parts.keys.find(secret)
    if found is None:
        raise RoomcastError(Code.UNAUTHORIZED, "the API key is unknown, revoked or expired")
    return found


async def charge(parts: Parts, found: Listed, requests: int, *, owes: bool = False) -> None:
    """Charge `requests` requests to the rate of a key. Raise RATE_LIMITED if the rate is used up, unless `owes`."""
    with _nothing_done():
        wait = await parts.keys.take(found, requests=requests, default_rate=parts.rate, owes=owes)
    if wait:
        raise RoomcastError(Code.RATE_LIMITED, "the API key's rate is used up", retry_after=wait)


async def owe(parts: Parts, found: Listed, *, rows: int = 0, size: int = 0) -> None:
    """Charge a large, finished answer to the rate of a key, so that later requests of the key must wait.

    ROWS_PER_REQUEST looked-up rows, or BYTES_PER_REQUEST bytes, cost as much as one request.
    """
    requests = rows // ROWS_PER_REQUEST + size // BYTES_PER_REQUEST
    if requests:
        with suppress(RoomcastError):  # send the finished answer also if the charge fails
            await parts.keys.take(found, requests=requests, default_rate=parts.rate, owes=True)


@contextmanager
def _nothing_done() -> Iterator[None]:
    """Raise UNAVAILABLE instead of OUTCOME_UNKNOWN, because the request itself has not been started."""
    try:
        yield
    except RoomcastError as error:
        if error.code is Code.OUTCOME_UNKNOWN:
            raise RoomcastError(Code.UNAVAILABLE, error.detail, retry_after=1.0) from error
        raise
