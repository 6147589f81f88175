"""Turn a token into an identity, and count and log refused tokens.

Clients get `unauthorized` for every fault of a token. Operators get the reasons as a metric and in the log: at most one
line in ten seconds for each reason, without the token.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_TOKEN
from roomcast.gateway.sign_in.claims import read_identity
from roomcast.gateway.sign_in.identity import Identity, TokenFault, TokenRefused
from roomcast.gateway.sign_in.keys import Keys

LOG_SECONDS: Final = 10.0
_log = structlog.get_logger(__name__)


class RefusalLog:
    """Writes at most one line in ten seconds for each reason; `clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written_at: dict[TokenFault, float] = {}
        self._unwritten: dict[TokenFault, int] = {}

    def write(self, fault: TokenFault) -> None:
        """Count a refusal. A log line gives the number of refusals since the previous line."""
        count = self._unwritten.get(fault, 0) + 1
        now = self._clock()
        if now - self._written_at.get(fault, float("-inf")) < LOG_SECONDS:
            self._unwritten[fault] = count
            return
        self._written_at[fault] = now
        self._unwritten[fault] = 0
        _log.warning("token refused", reason=fault.value, count=count)


class Verifier:
    """Verifies tokens with `keys`. `on_refusal` is called with the reason of each refusal."""

    def __init__(
        self,
        keys: Keys,
        *,
        audience: str | None = None,
        issuer: str | None = None,
        on_refusal: Callable[[str], None] | None = None,
        refusals: RefusalLog | None = None,
    ) -> None:
        self._keys = keys
        self._audience = audience
        self._issuer = issuer
        self._on_refusal = on_refusal
        self._refusals = refusals or RefusalLog()
        self.clock: Callable[[], float] = time.time
        """The clock against which tokens are checked, in unix seconds."""

    async def verify(self, token: object) -> Identity:
        """Return the identity in the token.

        Raises RoomcastError: UNAUTHORIZED for every fault of the token; UNAVAILABLE while there are no keys.
        """
        try:
            return await self._verify(token)
        except TokenRefused as refused:
            self._refusals.write(refused.fault)
            if self._on_refusal is not None:
                self._on_refusal(refused.fault.value)
            raise RoomcastError(Code.UNAUTHORIZED) from None

    async def _verify(self, token: object) -> Identity:
        if not isinstance(token, str) or not token:
            raise TokenRefused(TokenFault.MISSING)
        if len(token) > MAX_TOKEN:
            raise TokenRefused(TokenFault.TOO_LONG)
        payload = await self._keys.open(token)
        return read_identity(payload, self.clock(), audience=self._audience, issuer=self._issuer)
