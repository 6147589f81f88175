"""The client for back ends: publish into rooms, manage them, kick, revoke, and look who is online.

    redis = Redis.from_url(url)         # redis.asyncio, or its RedisCluster; decode_responses must stay False
    backend = Backend(redis)
    await backend.publish("public:lobby", "billing", text="Invoice 17 is paid", name="Billing")

It speaks to Redis alone, through the same scripts as the gateways, so a message published here is one of the room's
like any other: it has a seq, it is logged, and it reaches everybody once. The account `backend` has the rights for it.
Users are named by their user ids; a token's `sub` that is none becomes one by `roomcast.contract.ids.encode_subject`.

Every method raises RoomcastError: BAD_REQUEST or TOO_LARGE for arguments, UNAVAILABLE when nothing was done, and
OUTCOME_UNKNOWN when no answer came (then repeat the call: all of them are safe to repeat, `publish` with the same id).
"""

from __future__ import annotations

import json
import re
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Literal, NamedTuple, cast

from redis.asyncio import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import AuthenticationError, RedisClusterException, RedisError, ResponseError

from roomcast.contract import keys, tokens
from roomcast.contract.envelope import ControlMessage, Kicked, Revoked, Sanctioned, UserEvent
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import (
    MAX_MESSAGE_BYTES,
    MAX_ROOMS_PER_USER,
    MAX_SANCTIONS,
    ONLINE_SECONDS,
    ROOM,
    ROOM_LIST_SECONDS,
    ShownStatus,
)
from roomcast.contract.ids import CLIENT_ID, DIRECT, PUBLIC, is_room_id, is_user_id
from roomcast.contract.log_entry import EntryForm, PublishReceipt, Retention, dedup_field, place_of, read_receipt
from roomcast.contract.redis_client import Client, make_client, run_script
from roomcast.contract.texts import clean_name, is_blank
from roomcast.wire import redis_url
from roomcast.wire.envelope import pack
from roomcast.wire.keyspace import Keyspace

TOKEN_LIFE_SECONDS: Final = 30 * 86_400
"""Default life of a revocation: no token may live longer."""

CLOCK_SKEW_SECONDS: Final = 30
"""Bound on the clock of a process that signs tokens: it may run ahead by so much."""

_HORIZON_SECONDS: Final = 3 * ONLINE_SECONDS
_QUERY_USERS: Final = 100
_CONNECT_SECONDS: Final = 2.0
_CLIENT_ID = re.compile(CLIENT_ID)
_NAMESPACE: Final = "/"
_FULL: Final = -2
"""The reply of `room_sanction.lua` when there is no place for another sanction."""


class Presence(NamedTuple):
    """A user's presence as others see it; `last_seen` in ms by Redis's clock, 0 = never."""

    status: ShownStatus
    last_seen: int
    note: str


class Backend:
    """See the module. `retention`: the gateways' own, where they do not run with the defaults.

    `prefix`: that of the gateways' Redis URL, where it has one; the database number is the client's.

    `clock` gives unix seconds; it is the clock that stamps the tokens' `iat`.
    """

    sign = staticmethod(tokens.sign)

    def __init__(
        self,
        redis: Client,
        *,
        prefix: str = "",
        retention: Retention | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if redis.get_encoder().decode_responses:
            raise ValueError("Backend needs a Redis client with decode_responses=False")
        self._redis: Any = redis  # its command methods are untyped
        database = 0 if isinstance(redis, RedisCluster) else self._redis.get_connection_kwargs().get("db") or 0
        self._keyspace = Keyspace(prefix, database)
        self._form = EntryForm(_NAMESPACE, retention)
        self._clock = clock

    # --- messages ---

    async def publish(
        self,
        room: str,
        user: str,
        text: str,
        *,
        name: str | None = None,
        kind: Literal["system", "text"] = "system",
        id: str | None = None,  # noqa: A002 (the protocol's name)
    ) -> PublishReceipt:
        """One message into a room, in the name of `user`; its place in the room's order.

        `id`: at most 64 printable ASCII characters; a repeated one publishes nothing and answers the first receipt
        with `duplicate` set, for at least an hour. Without it one is made, and a repeated call is a second message.
        """
        _check(room, user)
        _check_text(text)
        message_id = str(uuid.uuid4()) if id is None else id
        if not _CLIENT_ID.fullmatch(message_id):
            raise RoomcastError(Code.BAD_REQUEST, "an id has 1 to 64 printable ASCII characters")
        message = {"id": message_id, "user": user, "name": clean_name(name or "") or user, "kind": kind, "text": text}
        tail = json.dumps(message, ensure_ascii=False, separators=(",", ":"))[1:].encode()
        place = place_of(room)
        run_id = await self._run_id(place.names[0])
        dedup = dedup_field(user, message_id)
        args = self._form.arguments(place, dedup, secrets.token_hex(8), run_id, tail)
        return read_receipt(await self._script("room_append", place.names, args))

    # --- rooms ---

    async def create_room(
        self, room: str, owner: str, *, kind: Literal["private", "public"] = "private", name: str = ""
    ) -> None:
        """Store a room that `owner` owns. Raises CONFLICT when it is stored already, FORBIDDEN for a reserved id."""
        _check(room, owner)
        name = clean_name(name)
        if room.startswith(DIRECT) or (room.startswith(PUBLIC) and kind != "public"):
            raise RoomcastError(Code.FORBIDDEN, "this id is reserved")
        names = (keys.room_meta(room), keys.room_members(room), keys.room_counts(room))
        if not await self._script("room_create", names, (owner, kind, name)):
            raise RoomcastError(Code.CONFLICT, "a room of this id exists")
        await self._list_room(owner, room, name)

    async def grant(
        self, room: str, user: str, role: Literal["admin", "member"] = "member", *, by: str | None = None
    ) -> None:
        """Let `user` enter a stored room; an owner stays the owner. The user's devices get `room` "invited".

        Raises NOT_FOUND for a room that is not stored.
        """
        _check(room, user)
        kind, stored_name = await self._call("HMGET", keys.room_meta(room), "kind", "name")
        if kind is None:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        await self._script("room_grant", (keys.room_meta(room), keys.room_members(room)), (user, role))
        name = stored_name.decode() if stored_name else room
        await self._list_room(user, room, name)
        event = {"room": room, "change": "invited", "name": name, "role": role, **({"by": by} if by else {})}
        await self._tell_user(user, ROOM, event)

    async def remove(self, room: str, user: str) -> bool:
        """Take a membership away, and the user out of the room on every gateway; False when there was none.

        Raises FORBIDDEN for the owner.
        """
        _check(room, user)
        names = (keys.room_members(room), keys.room_kicked(room))
        outcome = await self._script("room_remove", names, (user, keys.KICK_SECONDS))
        if outcome == b"owner":
            raise RoomcastError(Code.FORBIDDEN, "the owner stays")
        await self._call("HDEL", keys.user_rooms(user), room)
        await self.kick(room, user)
        return bool(outcome == b"removed")

    async def kick(self, room: str, user: str) -> None:
        """Take a user out of a room on every gateway. Whoever may enter may come back: see `remove`."""
        _check(room, user)
        await self._script("room_kick", (keys.room_kicked(room),), (user, keys.KICK_SECONDS))
        await self._control(Kicked(room, user))

    async def close_room(self, room: str) -> None:
        """Forget a room with its history and memberships, and take everybody out on every gateway."""
        _check(room)
        members = await self._call("HKEYS", keys.room_members(room))
        gone = (*place_of(room).names[:4], keys.room_members(room), keys.room_read(room), keys.room_counts(room))
        await self._call("DEL", gone[0], *self._keyspace.names(gone[1:]))
        for member in members:
            await self._call("HDEL", keys.user_rooms(member.decode()), room)
        await self._script("room_kick", (keys.room_kicked(room),), ("*", keys.KICK_SECONDS))
        await self._control(Kicked(room, closed=True))

    async def allow_rooms(self, user: str, per_day: int | None) -> None:
        """Let `user` create so many rooms a day, whatever the gateways' own setting is; None: by that setting."""
        _check(None, user)
        if per_day is None:
            await self._call("DEL", keys.user_created(user))
        else:
            await self._call("HSET", keys.user_created(user), "most", str(max(0, per_day)))
            await self._call("PERSIST", keys.user_created(user))

    # --- revocations ---

    async def revoke_user(
        self, user: str, *, seconds: float = TOKEN_LIFE_SECONDS, skew_seconds: float = CLOCK_SKEW_SECONDS
    ) -> None:
        """Refuse every token of `user` issued up to now, and close its connections within seconds.

        `seconds`: the longest life of a token. `skew_seconds`: how far the clocks that stamp `iat` may run ahead of
        this one. Tokens issued within that time from now on are refused, too, so that none escapes. Pass 0 where this
        process signs all tokens, and a new sign-in has to work at once.
        """
        _check(None, user)
        until = str(int(self._clock() + skew_seconds))
        await self._call("SET", keys.revoked_user(user), until, "EX", _whole(seconds))
        await self._control(Revoked(user=user))

    async def revoke_token(self, jti: str, *, seconds: float = TOKEN_LIFE_SECONDS) -> None:
        """Refuse the token with this `jti` claim, and close its connections within seconds."""
        if not 1 <= len(jti) <= 128:
            raise RoomcastError(Code.BAD_REQUEST, "a jti has 1 to 128 characters")
        await self._call("SET", keys.revoked_token(jti), "1", "EX", _whole(seconds))
        await self._control(Revoked(token=jti))

    # --- moderation ---

    async def mute(self, user: str, *, room: str | None = None, seconds: float | None = None) -> None:
        """Let `user` read, but not write: in a room, or everywhere. `seconds` None: until `unmute`."""
        await self._sanction("mute", user, room, seconds)

    async def unmute(self, user: str, *, room: str | None = None) -> None:
        """Lift a mute. A mute everywhere and one in a room are lifted by themselves."""
        await self._lift("mute", user, room)

    async def ban(self, user: str, *, room: str | None = None, seconds: float | None = None) -> None:
        """Keep `user` out of a room, or from signing in at all; close what is open. `seconds` None: until `unban`."""
        await self._sanction("ban", user, room, seconds)

    async def unban(self, user: str, *, room: str | None = None) -> None:
        """Lift a ban. A ban everywhere and one from a room are lifted by themselves."""
        await self._lift("ban", user, room)

    async def set_slow_mode(self, room: str, seconds: int) -> None:
        """Let each user of a room send one message in so many seconds; 0 ends that."""
        _check(room)
        if seconds:
            await self._call("HSET", keys.room_sanctions(room), "slow", str(seconds))
        else:
            await self._call("HDEL", keys.room_sanctions(room), "slow")
        await self._control(Sanctioned(room))

    async def reports(self, *, after: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Return open reports above the id `after`, oldest first: `{id, room, target, by, reason, message}`."""
        rows = await self._call("XRANGE", keys.REPORTS, f"({after}" if after else "-", "+", "COUNT", limit)
        return [{"id": number.decode(), **json.loads(fields[b"report"])} for number, fields in _entries(rows)]

    async def resolve_report(self, number: str) -> None:
        """Close a report; one that is closed is no error."""
        await self._call("XDEL", keys.REPORTS, number)

    async def _sanction(self, kind: str, user: str, room: str | None, seconds: float | None) -> None:
        _check(room, user)
        whole = 0 if seconds is None else _whole(seconds)
        if room is not None:
            args = (f"{kind}:{user}", whole, MAX_SANCTIONS)
            if int(await self._script("room_sanction", (keys.room_sanctions(room),), args)) == _FULL:
                raise RoomcastError(Code.TOO_LARGE, f"a room holds at most {MAX_SANCTIONS} sanctions")
        else:
            args = (kind, whole, MAX_SANCTIONS)
            await self._script("room_sanction", (keys.user_sanctions(user),), args)
        await self._control(Sanctioned(room or "", user))

    async def _lift(self, kind: str, user: str, room: str | None) -> None:
        _check(room, user)
        if room is not None:
            await self._call("HDEL", keys.room_sanctions(room), f"{kind}:{user}")
        else:
            await self._call("HDEL", keys.user_sanctions(user), kind)
        await self._control(Sanctioned(room or "", user))

    # --- presence ---

    async def presence(self, users: Collection[str]) -> dict[str, Presence]:
        """Return the presence of each user as others see it, unknown ones included."""
        shards: dict[int, list[str]] = {}
        for user in users:
            _check(None, user)
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

    # --- Redis ---

    async def _list_room(self, user: str, room: str, name: str) -> None:
        args = (room, name, MAX_ROOMS_PER_USER, ROOM_LIST_SECONDS)
        await self._script("user_room", (keys.user_rooms(user),), args)

    async def _tell_user(self, user: str, event: str, data: dict[str, Any]) -> None:
        packet = f"2{json.dumps([event, data], ensure_ascii=False, separators=(',', ':'))}".encode()
        await self._call("SPUBLISH", keys.user_channel(user), pack(UserEvent(_NAMESPACE, packet)))

    async def _control(self, message: ControlMessage) -> None:
        await self._call("PUBLISH", keys.CONTROL, pack(message))

    async def _run_id(self, key: str) -> str:
        """Return the run id of the server that holds `key`; ask each time, because a failover changes it."""
        with _translated(Code.UNAVAILABLE):
            if isinstance(self._redis, RedisCluster):
                await self._redis.initialize()
                node = self._redis.get_node_from_key(self._keyspace.name(key))
                info: dict[str, Any] = await self._redis.info("server", target_nodes=node)
            else:
                info = await self._redis.info("server")
        return str(info["run_id"])

    async def _script(
        self, name: str, names: tuple[str, ...], args: tuple[bytes | str | int, ...], *, is_read_only: bool = False
    ) -> Any:
        with _translated(Code.OUTCOME_UNKNOWN):
            full = self._keyspace.names(names)
            return await run_script(self._redis, name, full, args, is_read_only=is_read_only)

    async def _call(self, command: str, key: str, *args: bytes | str | int) -> Any:
        with _translated(Code.OUTCOME_UNKNOWN):
            return await self._redis.execute_command(command, self._keyspace.name(key), *args)


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Backend]:
    """Make a Backend with its own client for `url` (see `roomcast.wire.redis_url`), and close it at the end.

    Raises ValueError for a URL that cannot be used, RoomcastError(UNAVAILABLE) when Redis does not answer.
    """
    target = redis_url.parse(url)
    client = make_client(
        target,
        client_name="roomcast-backend",
        socket_timeout=_CONNECT_SECONDS,
        socket_connect_timeout=_CONNECT_SECONDS,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.1), 2),
    )
    try:
        with _translated(Code.UNAVAILABLE):
            await client.ping()
        yield Backend(client, prefix=target.prefix)
    finally:
        await client.aclose()


@contextmanager
def _translated(unanswered: Code) -> Iterator[None]:
    """Turn the driver's errors into ours; `unanswered` is what a lost connection or a missing answer means."""
    try:
        yield
    except (ResponseError, AuthenticationError) as error:
        raise RoomcastError(Code.UNAVAILABLE, f"Redis refuses: {_kind(error)}") from error
    except (RedisError, RedisClusterException, OSError) as error:
        raise RoomcastError(unanswered, "Redis does not answer") from error


def _kind(error: RedisError) -> str:
    """Say why Redis refused (out of memory, no permission, MISCONF): enough to act on, without internals."""
    if type(error) is ResponseError:
        return str(error).split(" ", 1)[0].lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__.removesuffix("Error")).lower()


def _check(room: str | None, user: str | None = None) -> None:
    if room is not None and not is_room_id(room):
        raise RoomcastError(Code.BAD_REQUEST, "a room id has 1 to 128 characters of A-Z a-z 0-9 _ . : @ -")
    if user is not None and not is_user_id(user):
        raise RoomcastError(Code.BAD_REQUEST, "a user id has 1 to 60 characters of A-Z a-z 0-9 _ . @ -")


def _check_text(text: str) -> None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise RoomcastError(Code.BAD_REQUEST, "the text is not valid Unicode") from None
    if not 1 <= size <= MAX_MESSAGE_BYTES:
        raise RoomcastError(Code.TOO_LARGE, f"a text holds 1 to {MAX_MESSAGE_BYTES} bytes")
    if is_blank(text):
        raise RoomcastError(Code.BAD_REQUEST, "nothing of the text can be seen")


def _whole(seconds: float) -> int:
    if seconds < 1:
        raise RoomcastError(Code.BAD_REQUEST, "a revocation lasts at least a second")
    return int(seconds)


def _entries(rows: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """Return stream entries with their fields as a dict, whichever form the driver gives them."""
    pairs = ((row[0], row[1]) for row in rows)
    return [
        (number, fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True)))
        for number, fields in pairs
    ]
