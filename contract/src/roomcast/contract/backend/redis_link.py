"""The access of a back end to Redis: keys of the deployment, scripts, messages to gateways, and translated errors."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from redis.asyncio import RedisCluster
from redis.exceptions import (
    AuthenticationError,
    MaxConnectionsError,
    RedisClusterException,
    RedisError,
    ResponseError,
)

from roomcast.contract import keys
from roomcast.contract.envelope import ControlMessage, UserEvent
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import DIRECT, is_pair, is_room_id, is_user_id
from roomcast.contract.log_scripts import EntryForm, Retention
from roomcast.contract.redis_client import Client, run_script
from roomcast.wire.envelope import pack
from roomcast.wire.keyspace import Keyspace
from roomcast.wire.seals import Seals

NAMESPACE: Final = "/"


class RedisLink:
    """The base of each part of `Backend`: commands, scripts and messages over one Redis client."""

    def __init__(
        self,
        redis: Client,
        *,
        prefix: str = "",
        retention: Retention | None = None,
        clock: Callable[[], float] = time.time,
        cluster_keys: Sequence[str] = (),
    ) -> None:
        if redis.get_encoder().decode_responses:
            raise ValueError("Backend needs a Redis client with decode_responses=False")
        self._redis: Any = redis  # its command methods are untyped
        database = 0 if isinstance(redis, RedisCluster) else self._redis.get_connection_kwargs().get("db") or 0
        self._keyspace = Keyspace(prefix, database)
        self._retention = retention or Retention()
        self._seals = Seals(cluster_keys)
        self._form = EntryForm(NAMESPACE, self._retention, self._seals.publisher_token)
        self._clock = clock

    async def ping(self) -> None:
        """Raise UNAVAILABLE when Redis does not answer."""
        with translated(Code.UNAVAILABLE):
            await self._redis.ping()

    async def info(self) -> dict[str, Any]:
        """Return the INFO of Redis, or of each server of a cluster. Raise UNAVAILABLE when Redis does not answer."""
        with translated(Code.UNAVAILABLE):
            return dict(await self._redis.info())

    async def _time(self) -> tuple[int, int]:
        """Return Redis's time: unix seconds, and the microseconds within the second."""
        with translated(Code.UNAVAILABLE):
            seconds, micros = await self._redis.time()
        return int(seconds), int(micros)

    async def _tell_user(self, user: str, event: str, data: dict[str, Any]) -> None:
        packed = pack(UserEvent(NAMESPACE, event_packet(event, data)))
        await self._publish("SPUBLISH", keys.user_channel(user), packed)

    async def _control(self, message: ControlMessage) -> None:
        await self._publish("PUBLISH", keys.CONTROL, pack(message))

    async def _publish(self, command: str, channel: str, envelope: bytes) -> None:
        """Publish on a channel, sealed if this back end has the cluster key."""
        await self._call(command, channel, self._seals.seal(self._keyspace.name(channel), envelope))

    async def _script(
        self, name: str, names: tuple[str, ...], args: tuple[bytes | str | int, ...], *, is_read_only: bool = False
    ) -> Any:
        with translated(Code.OUTCOME_UNKNOWN):
            full = self._keyspace.names(names)
            return await run_script(self._redis, name, full, args, is_read_only=is_read_only)

    async def _call(self, command: str, key: str, *args: bytes | str | int) -> Any:
        with translated(Code.OUTCOME_UNKNOWN):
            return await self._redis.execute_command(command, self._keyspace.name(key), *args)


def event_packet(event: str, data: dict[str, Any]) -> bytes:
    """Return the Socket.IO packet of an event in the default namespace."""
    return f"2{json.dumps([event, data], ensure_ascii=False, separators=(',', ':'))}".encode()


@contextmanager
def translated(unanswered: Code) -> Iterator[None]:
    """Convert errors of the driver into RoomcastError. `unanswered`: the code for a lost connection or no answer."""
    try:
        yield
    except MaxConnectionsError as error:  # nothing was sent
        raise RoomcastError(Code.UNAVAILABLE, "too many calls at once", retry_after=1.0) from error
    except (ResponseError, AuthenticationError) as error:
        raise RoomcastError(Code.UNAVAILABLE, f"Redis refuses: {_kind(error)}") from error
    except (RedisError, RedisClusterException, OSError) as error:
        raise RoomcastError(unanswered, "Redis does not answer") from error


def _kind(error: RedisError) -> str:
    """Return why Redis refused a command (such as out of memory or no permission), without details of the server."""
    if type(error) is ResponseError:
        return str(error).split(" ", 1)[0].lower()
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__.removesuffix("Error")).lower()


def check_ids(room: str | None, user: str | None = None) -> None:
    """Raise BAD_REQUEST for a malformed id. An id of None is not checked."""
    if room is not None and not is_room_id(room):
        raise RoomcastError(Code.BAD_REQUEST, "a room id has 1 to 128 characters of A-Z a-z 0-9 _ . : @ -")
    if room is not None and room.startswith(DIRECT) and not is_pair(room):
        raise RoomcastError(Code.BAD_REQUEST, "a direct room is `dm:` and the ids of its two people, sorted")
    if user is not None and not is_user_id(user):
        raise RoomcastError(Code.BAD_REQUEST, "a user id has 1 to 60 characters of A-Z a-z 0-9 _ . @ -")


def whole_seconds(seconds: float) -> int:
    """Return whole seconds, rounded down. Raise BAD_REQUEST for less than one second."""
    if seconds < 1:
        raise RoomcastError(Code.BAD_REQUEST, "a duration is at least a second")
    return int(seconds)
