"""Refuse tokens before they expire."""

from __future__ import annotations

import math
from typing import Final

from roomcast.contract import keys, tokens
from roomcast.contract.backend.redis_link import RedisLink, check_ids, whole_seconds
from roomcast.contract.envelope import Disconnected, Revoked
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import MAX_TOKEN_ID

TOKEN_LIFE_SECONDS: Final = 30 * 86_400
"""Default life of a revocation, in seconds: no token may live longer."""

CLOCK_SKEW_SECONDS: Final = 30
"""Seconds by which the clock of a process that signs tokens may run ahead."""


class Revocations(RedisLink):
    """The methods of `Backend` that sign and refuse tokens."""

    sign = staticmethod(tokens.sign)

    async def revoke_user(
        self,
        user: str,
        *,
        issued_before: float | None = None,
        seconds: float = TOKEN_LIFE_SECONDS,
        skew_seconds: float = CLOCK_SKEW_SECONDS,
    ) -> None:
        """Refuse every token of `user` issued up to now, and close its connections within seconds.

        `issued_before` (unix seconds): only tokens that were issued earlier, and those without `iat`. `seconds`: the
        longest life of a token. `skew_seconds`: how far the clocks that stamp `iat` may run ahead of this one. Tokens
        issued within that time from now on are refused, too, so that no earlier token stays valid. Pass 0 if this
        process signs all tokens, and a new sign-in has to work at once. With `issued_before`, which is exact,
        `skew_seconds` has no effect. A revocation never shortens an earlier one that reaches further.
        """
        check_ids(None, user)
        until = int(self._clock() + skew_seconds) if issued_before is None else _second_before(issued_before)
        await self._script("user_revoke", (keys.revoked_user(user),), (until, whole_seconds(seconds)))
        await self._control(Revoked(user=user))

    async def revoke_session(self, session: str, *, seconds: float = TOKEN_LIFE_SECONDS) -> None:
        """Refuse every token with this `sid` claim, and close their connections within seconds.

        The claim names a sign-in: all tokens that an identity provider issues for it, one after the other, carry it.
        """
        if not 1 <= len(session) <= MAX_TOKEN_ID:
            raise RoomcastError(Code.BAD_REQUEST, f"a sid has 1 to {MAX_TOKEN_ID} characters")
        await self._call("SET", keys.revoked_session(session), "1", "EX", whole_seconds(seconds))
        await self._control(Revoked(session=session))

    async def disconnect(self, user: str) -> None:
        """Close the connections of `user` on every gateway. Its token stays valid: see `revoke_user`."""
        check_ids(None, user)
        await self._control(Disconnected(user))

    async def revoke_token(self, jti: str, *, seconds: float = TOKEN_LIFE_SECONDS) -> None:
        """Refuse the token with this `jti` claim, and close its connections within seconds."""
        if not 1 <= len(jti) <= MAX_TOKEN_ID:
            raise RoomcastError(Code.BAD_REQUEST, f"a jti has 1 to {MAX_TOKEN_ID} characters")
        await self._call("SET", keys.revoked_token(jti), "1", "EX", whole_seconds(seconds))
        await self._control(Revoked(token=jti))


def _second_before(moment: float) -> int:
    """Return the last whole second before a moment (unix seconds); `iat` is compared in whole seconds."""
    if not 0 <= moment < 1e11:
        raise RoomcastError(Code.BAD_REQUEST, "issued_before is a time in unix seconds")
    return max(0, math.ceil(moment) - 1)
