"""Look who is online."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple, cast

from roomcast.contract import keys
from roomcast.contract.backend.link import RedisLink, check_ids
from roomcast.contract.events import ONLINE_SECONDS, ShownStatus

_HORIZON_SECONDS: Final = 3 * ONLINE_SECONDS
_QUERY_USERS: Final = 100


class Presence(NamedTuple):
    """A user's presence as others see it; `last_seen` in ms by Redis's clock, 0 = never."""

    status: ShownStatus
    last_seen: int
    note: str


class PresenceQueries(RedisLink):
    """The presence of users."""

    async def presence(self, users: Collection[str]) -> dict[str, Presence]:
        """Return the presence of each user as others see it, unknown ones included."""
        shards: dict[int, list[str]] = {}
        for user in users:
            check_ids(None, user)
            shards.setdefault(keys.presence_shard(user), []).append(user)
        found: dict[str, Presence] = {}
        for shard, members in shards.items():
            for start in range(0, len(members), _QUERY_USERS):
                found.update(await self._presence_of(shard, members[start : start + _QUERY_USERS]))
        return {user: found[user] for user in users}

    async def _presence_of(self, shard: int, users: list[str]) -> dict[str, Presence]:
        connections = (keys.presence_connections(shard, user) for user in users)
        names = (keys.presence_seen(shard), keys.presence_last(shard), *connections)
        flat = await self._script("presence_query", names, (_HORIZON_SECONDS, *users), is_read_only=True)
        rows = zip(users, flat[::3], flat[1::3], flat[2::3], strict=True)
        return {
            user: Presence(cast("ShownStatus", status.decode()), at, note.decode()) for user, status, at, note in rows
        }
