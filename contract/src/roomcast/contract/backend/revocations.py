"""Refuse tokens before they expire."""

from __future__ import annotations

from typing import Final

from roomcast.contract import keys, tokens
from roomcast.contract.backend.link import RedisLink, check_ids, whole_seconds
from roomcast.contract.envelope import Disconnected, Revoked
from roomcast.contract.errors import Code, RoomcastError

TOKEN_LIFE_SECONDS: Final = 30 * 86_400
"""Default life of a revocation: no token may live longer."""

CLOCK_SKEW_SECONDS: Final = 30
"""Bound on the clock of a process that signs tokens: it may run ahead by so much."""


class Revocations(RedisLink):
    """Tokens: how to sign one, and how to refuse one that was signed."""

    sign = staticmethod(tokens.sign)

    async def revoke_user(
        self, user: str, *, seconds: float = TOKEN_LIFE_SECONDS, skew_seconds: float = CLOCK_SKEW_SECONDS
    ) -> None:
        """Refuse every token of `user` issued up to now, and close its connections within seconds.

        `seconds`: the longest life of a token. `skew_seconds`: how far the clocks that stamp `iat` may run ahead of
        this one. Tokens issued within that time from now on are refused, too, so that none escapes. Pass 0 where this
        process signs all tokens, and a new sign-in has to work at once.
        """
        check_ids(None, user)
        until = str(int(self._clock() + skew_seconds))
        await self._call("SET", keys.revoked_user(user), until, "EX", whole_seconds(seconds))
        await self._control(Revoked(user=user))

    async def disconnect(self, user: str) -> None:
        """Close the connections of `user` on every gateway. Its token stays valid: see `revoke_user`."""
        check_ids(None, user)
        await self._control(Disconnected(user))

    async def revoke_token(self, jti: str, *, seconds: float = TOKEN_LIFE_SECONDS) -> None:
        """Refuse the token with this `jti` claim, and close its connections within seconds."""
        if not 1 <= len(jti) <= 128:
            raise RoomcastError(Code.BAD_REQUEST, "a jti has 1 to 128 characters")
        await self._call("SET", keys.revoked_token(jti), "1", "EX", whole_seconds(seconds))
        await self._control(Revoked(token=jti))
