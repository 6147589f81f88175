"""Count in Redis how many bytes users write into room logs in a day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from roomcast.contract import keys
from roomcast.gateway.stores.redis_port import RedisPort, Scripts

_DAY_SECONDS: Final = 86_400


class UserBytes:
    """The bytes that each user has written today. Raises RoomcastError when Redis fails."""

    def __init__(self, scripts: Scripts, daily_bytes: int) -> None:
        """`daily_bytes` is the allowance of a user, unless a back end sets another allowance."""
        self._redis = RedisPort(scripts)
        self._daily_bytes = daily_bytes

    async def report(self, written: Mapping[str, int]) -> dict[str, int]:
        """Add bytes to each user's day. Return, by user, 0 or the seconds until a spent allowance is renewed."""
        args = (self._daily_bytes, _DAY_SECONDS)
        calls = [((keys.user_written(user),), (count, *args)) for user, count in written.items()]
        waits = await self._redis.run_scripts("user_written", calls)
        return {user: int(wait) for user, wait in zip(written, waits, strict=True)}
