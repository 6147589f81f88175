"""Read the state of a cluster from Redis, for an account that may read all keys.

The reader takes no lock, so a gateway or session may have ended before it is printed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, NamedTuple

import msgspec
from redis.asyncio import RedisCluster
from redis.exceptions import NoPermissionError, RedisClusterException, RedisError

from roomcast.contract import keys
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import is_room_id
from roomcast.contract.redis_client import Client, make_client
from roomcast.wire import redis_url
from roomcast.wire.keyspace import Keyspace
from roomcast.wire.seals import Seals

_TIMEOUT_SECONDS: Final = 5.0
_SCAN_COUNT: Final = 1_000
_META_SUFFIX: Final = "}:meta"
_WITHOUT_KEY: Final = frozenset({"ACL", "CLIENT", "CONFIG", "PING", "SCRIPT", "TIME"})
_META_PREFIX: Final = "room:{"


class Node(NamedTuple):
    """A gateway: its number, the id of its process, its connections, and the age of its last announcement.

    `state`: `serving`, `cordoned`, `draining` or `drained`; empty if the gateway is not alive.
    """

    node: str
    incarnation: str
    connections: int
    announced_seconds_ago: int
    is_alive: bool
    state: str


class Room(NamedTuple):
    """A room: kind (empty: not stored), name, newest seq, messages in the log, stored members, occupants."""

    room: str
    kind: str
    name: str
    seq: int
    messages: int
    members: int
    occupants: int


class Session(NamedTuple):
    """A connection of a user: session id, node, kind of device, status, note, and the time (ms) of the last change."""

    session: str
    node: str
    kind: str
    status: str
    note: str
    since_ms: int


class Sizes(NamedTuple):
    """The size of a cluster's data in Redis: counts of keys and entries, and bytes of memory.

    `media_oldest_seconds`: how long the oldest media request has waited for its answer.
    """

    rooms: int
    users_present: int
    open_reports: int
    media_requests: int
    media_pending: int
    media_oldest_seconds: int
    memory_bytes: int
    memory_limit_bytes: int


class RoomLog(NamedTuple):
    """The log of a room: newest seq, messages kept, and bytes of memory in Redis."""

    room: str
    seq: int
    messages: int
    memory_bytes: int


class ClusterReader:
    """Reads the cluster's state with one Redis client. Methods raise RoomcastError(UNAVAILABLE) when Redis fails."""

    def __init__(self, client: Client, keyspace: Keyspace) -> None:
        self._redis: Any = client
        self._keyspace = keyspace

    def name(self, key: str) -> str:
        """Return a key or channel with the deployment's prefix."""
        return self._keyspace.name(key)

    async def call(self, command: str, *args: bytes | str | int) -> Any:
        """Return the reply of one command. The first of `args` is a key, except for commands in _WITHOUT_KEY."""
        if command == "MEMORY":  # the key is the second argument
            args = (args[0], self.name(str(args[1])), *args[2:])
        elif args and command not in _WITHOUT_KEY:
            args = (self.name(str(args[0])), *args[1:])
        with _translated():
            return await self._redis.execute_command(command, *args)

    async def publish(self, channel: str, envelope: bytes, seals: Seals) -> None:
        """Publish to a channel, sealed if there is a cluster key."""
        name = self._keyspace.name(channel)
        with _translated():
            await self._redis.execute_command("PUBLISH", name, seals.seal(name, envelope))

    async def nodes(self) -> list[Node]:
        """Return the announced gateways, by number."""
        now = int((await self.call("TIME"))[0])
        announced = _pairs(await self.call("HGETALL", keys.PRESENCE_NODES))
        found = []
        for field, at in announced.items():
            name, _, incarnation = field.partition(":")
            lease = await self.call("GET", keys.node_lease(name))
            connections = 0
            for shard in range(keys.PRESENCE_SHARDS):
                connections += await self.call("SCARD", keys.presence_node(shard, name, incarnation))
            is_alive = lease is not None and lease.decode() == incarnation
            state = await self.call("GET", keys.node_state(name)) if is_alive else None
            shown = "serving" if state is None else state.decode()
            found.append(Node(name, incarnation, connections, now - int(at), is_alive, shown if is_alive else ""))
        return sorted(found, key=lambda node: (len(node.node), node.node))

    async def rooms(self, match: str, limit: int) -> list[Room]:
        """Return up to `limit` rooms whose id matches the glob pattern `match`, by id."""
        names: list[str] = []
        async for key in self._scan(f"room:{{{match}}}:meta"):
            name = key.removeprefix(_META_PREFIX).removesuffix(_META_SUFFIX)
            if is_room_id(name):
                names.append(name)
            if len(names) >= limit:
                break
        return [await self.room(name) for name in sorted(names)]

    async def logs(self, match: str, scanned: int) -> list[RoomLog]:
        """Return the logs of up to `scanned` rooms whose id matches the glob pattern `match`, largest first."""
        found = []
        for room in await self.rooms(match, scanned):
            memory = await self.call("MEMORY", "USAGE", keys.room_log(room.room))
            found.append(RoomLog(room.room, room.seq, room.messages, int(memory or 0)))
        return sorted(found, key=lambda log: (-log.memory_bytes, log.room))

    async def clients(self) -> list[dict[str, str]]:
        """Return the connections of Redis: their `name`, `user` and more."""
        reply = await self.call("CLIENT", "LIST")
        if isinstance(reply, list):  # redis-py has parsed the reply already
            return [{"name": "", "user": "", **client} for client in reply]
        lines = reply.decode(errors="replace").splitlines()
        return [dict(word.partition("=")[::2] for word in line.split()) for line in lines if line]

    async def room(self, room: str) -> Room:
        """Return one room; raise NOT_FOUND if Redis has no data of the room."""
        meta = _pairs(await self.call("HGETALL", keys.room_meta(room)))
        messages = await self.call("HLEN", keys.room_log(room))
        members = await self.call("HLEN", keys.room_members(room))
        occupants = await self.call("HLEN", keys.room_nodes_of(room))
        if not (meta or messages or members or occupants):
            raise RoomcastError(Code.NOT_FOUND, f"Redis has no data of the room {room}")
        kind, name, seq = meta.get("kind", ""), meta.get("name", ""), int(meta.get("seq", 0))
        return Room(room, kind, name, seq, messages, members, occupants)

    async def occupants(self, room: str) -> list[dict[str, Any]]:
        """Return the occupants of a room, with the nodes of their devices and their roles."""
        where: dict[str, list[str]] = {}
        for entry in await self.call("ZRANGE", keys.room_occupants(room), 0, -1):
            user, _, node = entry.decode().rpartition("|")
            where.setdefault(user, []).append(node)
        roles = _pairs(await self.call("HGETALL", keys.room_members(room)))
        return [
            {"user": user, "nodes": ",".join(sorted(nodes)), "role": roles.get(user, "")}
            for user, nodes in sorted(where.items())
        ]

    async def sessions(self, user: str) -> list[Session]:
        """Return the connections of a user on all gateways."""
        records = await self.call("HGETALL", keys.presence_connections(keys.presence_shard(user), user))
        found = []
        for session, packed in _raw_pairs(records):
            row = msgspec.msgpack.decode(packed)
            status, note, node, _, since_ms, *rest = row
            kind = rest[4] if len(rest) > 4 else ""
            found.append(Session(session.decode(), node, kind, status, note, int(since_ms)))
        return sorted(found)

    async def sizes(self) -> Sizes:
        """Return the size of the cluster's data."""
        rooms = 0
        async for _ in self._scan("room:{*}:meta"):
            rooms += 1
        users = 0
        for shard in range(keys.PRESENCE_SHARDS):
            users += await self.call("ZCARD", keys.presence_seen(shard))
        memory = await self.info("memory")
        return Sizes(
            rooms=rooms,
            users_present=users,
            open_reports=await self.call("XLEN", keys.REPORTS),
            media_requests=await self.call("XLEN", keys.MEDIA_REQUESTS),
            media_pending=await self._pending(),
            media_oldest_seconds=await self._oldest_request(),
            memory_bytes=int(memory["used_memory"]),
            memory_limit_bytes=int(memory["maxmemory"]),
        )

    async def _oldest_request(self) -> int:
        entries = await self.call("XRANGE", keys.MEDIA_REQUESTS, "-", "+", "COUNT", 1)
        if not entries:
            return 0
        now = int((await self.call("TIME"))[0])
        return max(0, now - int(entries[0][0].partition(b"-")[0]) // 1000)

    async def _pending(self) -> int:
        try:
            return int((await self.call("XPENDING", keys.MEDIA_REQUESTS, keys.MEDIA_GROUP))["pending"])
        except RoomcastError as error:
            if "NOGROUP" in error.detail:
                return 0  # no signer has run yet
            raise

    async def setting(self, name: str) -> str:
        """Return a setting of Redis; raise UNAVAILABLE for an account that may not read it."""
        found: dict[Any, Any] = await self.call("CONFIG", "GET", name)
        value = found.get(name, found.get(name.encode(), b""))
        return value.decode() if isinstance(value, bytes) else str(value)

    async def info(self, section: str) -> dict[str, Any]:
        """Return a section of INFO. In a Redis Cluster, it comes from a random server."""
        with _translated():
            if isinstance(self._redis, RedisCluster):
                await self._redis.initialize()
                found = await self._redis.info(section, target_nodes=self._redis.get_random_node())
            else:
                found = await self._redis.info(section)
        return dict(found)

    async def _scan(self, pattern: str) -> AsyncIterator[str]:
        with _translated():
            async for key in self._redis.scan_iter(match=self._keyspace.name(pattern), count=_SCAN_COUNT):
                yield key.decode().removeprefix(self._keyspace.prefix)


@contextmanager
def _translated() -> Iterator[None]:
    """Convert errors of the Redis driver into RoomcastError, with the driver's text for the operator."""
    try:
        yield
    except (RedisError, RedisClusterException, OSError) as error:
        raise RoomcastError(Code.UNAVAILABLE, " ".join(str(error).split())) from error


def lacks_rights(error: RoomcastError) -> bool:
    """Return whether Redis refused the command because the account lacks the right to it."""
    return isinstance(error.__cause__, NoPermissionError)


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[ClusterReader]:
    """Yield a reader for `url`. Raise ValueError for an invalid URL, and RoomcastError if Redis does not answer."""
    target = redis_url.parse(url)
    client = make_client(
        target,
        client_name="roomcast-cli",
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
    )
    try:
        reader = ClusterReader(client, target.keyspace)
        await reader.call("PING")
        yield reader
    finally:
        await client.aclose()


def _raw_pairs(flat: Any) -> list[tuple[bytes, bytes]]:
    """Return the field-value pairs of a hash. RESP2 sends a flat list, which redis-py may have made a dict."""
    if isinstance(flat, dict):
        return list(flat.items())
    values: Sequence[bytes] = flat
    return list(zip(values[::2], values[1::2], strict=True))


def _pairs(flat: Any) -> dict[str, str]:
    return {key.decode(): value.decode(errors="replace") for key, value in _raw_pairs(flat)}
