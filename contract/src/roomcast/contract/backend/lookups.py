"""Read rooms, their members and occupants, and the state of the cluster. Each call has a limited cost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.app_data import read_data
from roomcast.contract.backend.redis_link import RedisLink, check_ids
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.limits import MAX_LIST, MAX_PRESENCE_ROOM

MAX_SCAN: Final = 1_000
_MAX_CURSOR: Final = 2**64 - 1
"""The largest cursor that Redis accepts in a scan."""
_ANNOUNCED_SECONDS: Final = 60


class RoomInfo(NamedTuple):
    """A room: kind (empty: not stored), description, log, and the numbers of members and occupants."""

    room: str
    kind: str
    name: str
    topic: str
    data: dict[str, Any]
    owner: str
    seq: int
    messages: int
    members: int
    occupants: int
    slow_seconds: int


class Member(NamedTuple):
    """A stored member of a room."""

    user: str
    role: str


class MemberPage(NamedTuple):
    """Some members of a room, in no order. `cursor` leads to the next page; it is None on the last page."""

    members: list[Member]
    cursor: str | None


class ListedRoom(NamedTuple):
    """A room on a person's room list."""

    room: str
    name: str


class Occupancy(NamedTuple):
    """The number of users in a room now, and their ids. `users` is None in rooms of more than 200 occupants."""

    occupants: int
    users: list[str] | None


class GatewayInfo(NamedTuple):
    """A gateway that announced itself within the last minute. `is_alive`: whether it has the lease of its number."""

    node: str
    connections: int
    is_alive: bool


class ClusterInfo(NamedTuple):
    """The gateways, the sum of their connections, and the number of users present, including invisible users."""

    gateways: list[GatewayInfo]
    connections: int
    users_present: int


class Lookups(RedisLink):
    """The methods of `Backend` that read rooms, people and the cluster."""

    async def room(self, room: str) -> RoomInfo:
        """Return the description and counts of a room. Raise NOT_FOUND when Redis has no data of the room."""
        check_ids(room)
        fields = ("kind", "name", "topic", "data", "owner", "seq")
        kind, name, topic, data, owner, seq = (
            (value or b"").decode() for value in await self._call("HMGET", keys.room_meta(room), *fields)
        )
        messages = await self._call("HLEN", keys.room_log(room))
        members = await self._call("HLEN", keys.room_members(room))
        occupants = await self._call("HLEN", keys.room_nodes_of(room))
        if not (kind or messages or members or occupants):
            raise RoomcastError(Code.NOT_FOUND, "there is no data of this room")
        slow = await self._call("HGET", keys.room_sanctions(room), "slow")
        return RoomInfo(
            room, kind, name, topic, read_data(data), owner, int(seq or 0), messages, members, occupants, int(slow or 0)
        )

    async def members(self, room: str, *, cursor: str | None = None, limit: int = MAX_LIST) -> MemberPage:
        """Return about `limit` (1 to 1,000) stored members: the first members, or the members after `cursor`.

        A user who is a member while all pages are read is on at least one page. A page may be empty. Raise NOT_FOUND
        for a room that is not stored.
        """
        check_ids(room)
        if not 1 <= limit <= MAX_SCAN:
            raise RoomcastError(Code.BAD_REQUEST, f"a page has 1 to {MAX_SCAN} members")
        at = cursor or "0"
        if not at.isascii() or not at.isdigit() or len(at) > 20 or int(at) > _MAX_CURSOR:
            raise RoomcastError(Code.BAD_REQUEST, "the cursor is not from a page of members")
        if cursor is None and not await self._call("HEXISTS", keys.room_meta(room), "kind"):
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        next_at, flat = await self._call("HSCAN", keys.room_members(room), at, "COUNT", limit)
        members = [Member(user.decode(), role.decode()) for user, role in _pairs(flat)]
        after = next_at.decode() if isinstance(next_at, bytes) else str(next_at)
        return MemberPage(members, None if after == "0" else after)

    async def rooms_of(self, user: str) -> list[ListedRoom]:
        """Return a user's room list, at most 500 rooms, sorted by room id."""
        check_ids(None, user)
        flat = await self._call("HGETALL", keys.user_rooms(user))
        return sorted(ListedRoom(room.decode(), name.decode() or room.decode()) for room, name in _pairs(flat))

    async def occupancy(self, room: str) -> Occupancy:
        """Return the number of users who are in a room now, on all gateways, and their ids."""
        check_ids(room)
        count = int(await self._call("HLEN", keys.room_nodes_of(room)))
        if count > MAX_PRESENCE_ROOM:
            return Occupancy(count, None)
        users = sorted(user.decode() for user in await self._call("HKEYS", keys.room_nodes_of(room)))
        return Occupancy(len(users), users)

    async def cluster(self) -> ClusterInfo:
        """Return the gateways with their connections, and the number of users present."""
        now = int((await self._time())[0])
        announced = _pairs(await self._call("HGETALL", keys.PRESENCE_NODES))
        recent = [field.decode() for field, at in announced if now - int(at) <= _ANNOUNCED_SECONDS]
        gateways = sorted([await self._gateway(field) for field in recent], key=lambda each: (len(each.node), each))
        users = 0
        for shard in range(keys.PRESENCE_SHARDS):
            users += int(await self._call("ZCARD", keys.presence_seen(shard)))
        return ClusterInfo(gateways, sum(each.connections for each in gateways), users)

    async def _gateway(self, announced: str) -> GatewayInfo:
        node, _, incarnation = announced.partition(":")
        lease = await self._call("GET", keys.node_lease(node))
        connections = 0
        for shard in range(keys.PRESENCE_SHARDS):
            connections += int(await self._call("SCARD", keys.presence_node(shard, node, incarnation)))
        return GatewayInfo(node, connections, lease is not None and lease.decode() == incarnation)


def _pairs(flat: Any) -> Iterator[tuple[bytes, bytes]]:
    """Return the field-value pairs of a hash. RESP2 sends a flat list, which redis-py may have made a dict."""
    return iter(flat.items()) if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)
