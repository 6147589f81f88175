"""Read the presence of users."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from roomcast.contract import keys
from roomcast.contract.backend.redis_link import RedisLink, check_ids
from roomcast.contract.limits import ONLINE_SECONDS
from roomcast.contract.presence import Presence, read_presences

_HORIZON_SECONDS: Final = 3 * ONLINE_SECONDS
_QUERY_USERS: Final = 100


class PresenceQueries(RedisLink):
    """The method of `Backend` that reads presence."""

    async def presence(self, users: Collection[str], *, devices: bool = False) -> dict[str, Presence]:
        """Return the presence of each user as others see it, also of unknown users. `devices`: include all devices."""
        shards: dict[int, list[str]] = {}
        for user in users:
            check_ids(None, user)
            shards.setdefault(keys.presence_shard(user), []).append(user)
        found: dict[str, Presence] = {}
        for shard, members in shards.items():
            for start in range(0, len(members), _QUERY_USERS):
                found.update(await self._presence_of(shard, members[start : start + _QUERY_USERS], devices))
        return {user: found[user] for user in users}

    async def _presence_of(self, shard: int, users: list[str], devices: bool) -> dict[str, Presence]:
        connections = (keys.presence_connections(shard, user) for user in users)
        names = (keys.presence_seen(shard), keys.presence_last(shard), *connections)
        flat = await self._script("presence_query", names, (_HORIZON_SECONDS, int(devices), *users), is_read_only=True)
        return dict(zip(users, read_presences(flat), strict=True))
