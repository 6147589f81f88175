"""The directory of public rooms in Redis."""

from __future__ import annotations

from typing import Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.directory import MAX_LISTED, entry_of, id_of, range_of
from roomcast.contract.room_info import FIELDS, RoomDescription, read_description
from roomcast.gateway.stores.redis_port import RedisPort, Scripts

_PUBLIC: Final = "public"


class ListedRoom(NamedTuple):
    """A public room, and its occupancy."""

    description: RoomDescription
    occupancy: int


class DirectoryStore:
    """Lists public rooms by name. Raises RoomcastError when Redis fails."""

    def __init__(self, scripts: Scripts) -> None:
        self._redis = RedisPort(scripts)

    async def change(self, room: str, kind: str, old: str | None, new: str | None) -> None:
        """Rename a public room's entry from `old` to `new`. Without `old`, add an entry; without `new`, remove it."""
        if kind == _PUBLIC:
            args = ("" if old is None else entry_of(old, room), "" if new is None else entry_of(new, room), MAX_LISTED)
            await self._redis.script("room_listing", (keys.DIRECTORY,), args)

    async def page(self, query: str, after: str | None, limit: int) -> tuple[list[ListedRoom], str | None]:
        """Return public rooms whose names begin with `query`, by name, and the `after` of the next page.

        Entries of deleted or renamed rooms are left out, and removed. So a page may have fewer than `limit` rooms.
        """
        bounds = range_of(query, after)
        found = await self._redis.call("ZRANGE", keys.DIRECTORY, *bounds, "BYLEX", "LIMIT", 0, limit + 1)
        entries = [entry.decode() for entry in found]
        rooms = [id_of(entry) for entry in entries[:limit]]
        metas = await self._redis.run_together(*(("HMGET", keys.room_meta(room), *FIELDS) for room in rooms))
        counts = await self._redis.run_together(*(("HLEN", keys.room_nodes_of(room)) for room in rooms))
        listed: list[ListedRoom] = []
        for entry, room, meta, count in zip(entries, rooms, metas, counts, strict=False):
            description = read_description(room, meta)
            if description is None or description.kind != _PUBLIC or entry_of(description.name, room) != entry:
                await self._redis.script("room_listing", (keys.DIRECTORY,), (entry, "", MAX_LISTED))
            else:
                listed.append(ListedRoom(description, int(count)))
        return listed, entries[limit - 1] if len(entries) > limit else None
