"""Give one user a daily allowance that differs from the gateways' settings."""

from __future__ import annotations

from roomcast.contract import keys
from roomcast.contract.backend.redis_link import RedisLink, check_ids


class Allowances(RedisLink):
    """The methods of `Backend` that set how many rooms and bytes one user may add in a day."""

    async def allow_rooms(self, user: str, per_day: int | None) -> None:
        """Let `user` create `per_day` rooms a day. None: the gateways' setting applies."""
        check_ids(None, user)
        await self._allow(keys.user_created(user), per_day)

    async def allow_bytes(self, user: str, per_day: int | None) -> None:
        """Let `user` write `per_day` bytes into rooms a day. None: the gateways' setting applies.

        A higher allowance takes effect within 5 seconds. A lower allowance takes effect when the user has written
        256 KiB since the gateway last counted.
        """
        check_ids(None, user)
        await self._allow(keys.user_written(user), per_day)

    async def _allow(self, key: str, per_day: int | None) -> None:
        if per_day is None:
            await self._call("DEL", key)
        else:
            await self._call("HSET", key, "most", str(max(0, per_day)))
            await self._call("PERSIST", key)
