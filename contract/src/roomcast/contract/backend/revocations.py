"""Refuse tokens before they expire."""

from __future__ import annotations

import math
from typing import Final

from roomcast.contract import keys, tokens
from roomcast.contract.backend.redis_link import RedisLink, check_ids, whole_seconds
from roomcast.contract.envelope import Disconnected, Revoked
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_TOKEN_ID

TOKEN_LIFE_SECONDS: Final = 30 * 86_400
"""The default life of a revocation, in seconds. It must be at least the longest life of a token."""

CLOCK_SKEW_SECONDS: Final = 30
"""The default number of seconds by which the clock of a process that signs tokens may be ahead."""


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
        """Refuse every token of `user` issued up to now, and close the user's connections within seconds.

        `issued_before` (unix seconds): refuse only tokens issued earlier, and tokens without `iat`. `seconds`: the
        longest life of a token. `skew_seconds`: how far the clocks from which tokens get their `iat` may be ahead of
        this clock. Tokens issued in the next `skew_seconds` are refused, too, so that no token issued before now stays
        valid. Pass 0 if this process signs all tokens, and a new sign-in must work at once. With `issued_before`, which
        is exact, `skew_seconds` has no effect. A revocation never shortens an earlier revocation of the user.
        """
        check_ids(None, user)
        until = int(self._clock() + skew_seconds) if issued_before is None else _second_before(issued_before)
        await self._script("user_revoke", (keys.revoked_user(user),), (until, whole_seconds(seconds)))
        await self._control(Revoked(user=user))

    async def revoke_session(self, session: str, *, seconds: float = TOKEN_LIFE_SECONDS) -> None:
        """Refuse all tokens with this `sid` claim, and close their connections within seconds.

        The claim names a sign-in. All tokens that an identity provider issues for the same sign-in have the same claim.
        """
        if not 1 <= len(session) <= MAX_TOKEN_ID:
            raise RoomcastError(Code.BAD_REQUEST, f"a sid has 1 to {MAX_TOKEN_ID} characters")
        await self._call("SET", keys.revoked_session(session), "1", "EX", whole_seconds(seconds))
        await self._control(Revoked(session=session))

    async def disconnect(self, user: str) -> None:
        """Close the connections of `user` on every gateway. The user's tokens stay valid: see `revoke_user`."""
        check_ids(None, user)
        await self._control(Disconnected(user))

    async def revoke_token(self, jti: str, *, seconds: float = TOKEN_LIFE_SECONDS) -> None:
        """Refuse the token with this `jti` claim, and close its connections within seconds."""
        if not 1 <= len(jti) <= MAX_TOKEN_ID:
            raise RoomcastError(Code.BAD_REQUEST, f"a jti has 1 to {MAX_TOKEN_ID} characters")
        await self._call("SET", keys.revoked_token(jti), "1", "EX", whole_seconds(seconds))
        await self._control(Revoked(token=jti))


def _second_before(moment: float) -> int:
    """Return the last whole second before a time (unix seconds), because `iat` is compared in whole seconds."""
    if not 0 <= moment < 1e11:
        raise RoomcastError(Code.BAD_REQUEST, "issued_before is a time in unix seconds")
    return max(0, math.ceil(moment) - 1)
