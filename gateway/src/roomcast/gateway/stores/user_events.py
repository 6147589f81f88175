"""Add up in Redis the events that a busy user sends through all gateways."""

from __future__ import annotations

from collections.abc import Mapping

from roomcast.contract import keys
from roomcast.gateway.stores.redis_port import RedisPort, Scripts


class UserEvents:
    """The events of busy users, by gateway. Raises RoomcastError when Redis fails."""

    def __init__(self, scripts: Scripts, node: str) -> None:
        self._redis = RedisPort(scripts)
        self._node = node

    async def report(self, events: Mapping[str, int]) -> dict[str, int]:
        """Report the users' events of the last second on this gateway; return their events on all gateways."""
        calls = [((keys.user_events(user),), (self._node, count)) for user, count in events.items()]
        totals = await self._redis.run_scripts("user_events", calls)
        return dict(zip(events, totals, strict=True))
