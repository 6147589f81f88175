"""Read the lines of inboxes from Redis. All methods raise RoomcastError when Redis fails."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from roomcast.contract import keys
from roomcast.contract.inbox import MAX_USERS, Line, read_lines, summary_keys
from roomcast.gateway.inbox.followed_rooms import state_of
from roomcast.gateway.stores.redis_port import RedisPort, Scripts


class InboxStore:
    """Reads inbox lines, of many rooms in one round trip."""

    def __init__(self, scripts: Scripts) -> None:
        self._redis = RedisPort(scripts)

    async def read_list(self, user: str) -> dict[str, str]:
        """Return the rooms on a user's list, with the names that the list has for them (may be empty)."""
        return _listed(await self._redis.call("HGETALL", keys.user_rooms(user)))

    async def read_lists(self, users: Sequence[str]) -> list[dict[str, str]]:
        """Return the result of `read_list` for each of several users."""
        found = await self._redis.run_together(*(("HGETALL", keys.user_rooms(user)) for user in users))
        return [_listed(flat) for flat in found]

    async def find_listed(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return the `(user, room)` pairs whose room is on the user's list, after a join or an invitation."""
        asked = list(pairs)
        found = await self._redis.run_together(*(("HGET", keys.user_rooms(user), room) for user, room in asked))
        return {pair for pair, name in zip(asked, found, strict=True) if name is not None}

    async def read_lines(self, rooms: Mapping[str, Sequence[str]], *, with_last: bool) -> list[Line]:
        """Return the line of each room for each of its users; `with_last`: with the newest text or media."""
        parts = [
            (room, users[start : start + MAX_USERS])
            for room, users in rooms.items()
            for start in range(0, len(users), MAX_USERS)
        ]
        wanted = "last" if with_last else ""
        calls = ((summary_keys(room), (wanted, *users)) for room, users in parts)
        replies = await self._redis.run_scripts("room_summary", calls)
        return [
            line for (room, users), reply in zip(parts, replies, strict=True) for line in read_lines(room, users, reply)
        ]

    async def add_entries(self, lines: Sequence[Line]) -> list[Line]:
        """Return the lines with their newest text or media."""
        entries = await self._redis.run_together(*(("HGET", keys.room_log(line.room), line.last_seq) for line in lines))
        return [line._replace(entry=entry) for line, entry in zip(lines, entries, strict=True)]

    async def read_states(self, rooms: Sequence[str]) -> list[int]:
        """Return the state of each room, as `followed_rooms.state_of` does."""
        found = await self._redis.run_together(*(("HMGET", keys.room_meta(room), "seq", "epoch") for room in rooms))
        return [state_of(int(seq or 0), (epoch or b"").decode()) for seq, epoch in found]

    async def read_seqs(self, rooms: Sequence[str]) -> list[int]:
        """Return the newest `seq` of each room."""
        found = await self._redis.run_together(*(("HGET", keys.room_meta(room), "seq") for room in rooms))
        return [int(seq or 0) for seq in found]


def _listed(flat: Sequence[bytes]) -> dict[str, str]:
    return {flat[at].decode(): flat[at + 1].decode() for at in range(0, len(flat), 2)}
