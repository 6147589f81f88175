"""Write the presence of a gateway's connections to Redis in batches, and query the presence of users."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar, cast

from roomcast.contract import keys
from roomcast.contract.events.presence import Status
from roomcast.contract.limits import ONLINE_SECONDS
from roomcast.contract.presence import Presence, read_presences
from roomcast.gateway.presence.activity import Batch, Touch
from roomcast.gateway.stores.redis_port import RedisPort, Scripts

T = TypeVar("T")
ScriptCall = tuple[tuple[str, ...], tuple[str | int, ...]]
"""KEYS and ARGV of a script."""

_FULL_ROWS: Final = 50
_KEEP_USERS: Final = 500
_QUERY_USERS: Final = 100


class Followed(NamedTuple):
    """The status, note and end of the note (ms, 0: never) that a connection gets from its user's last choice."""

    connection: str
    status: Status
    note: str
    until: int = 0


class WriteResult(NamedTuple):
    """The result of writing a batch.

    `unknown`: users whose full state Redis needs (pass them to `Activity.rewrite_users`). `hidden`: users just written
    in full who look offline to other users, because one of their devices on any gateway is invisible. `followed`: the
    present status and note of connections without a status of their own.
    """

    unknown: list[str]
    hidden: list[str]
    followed: list[Followed]


@dataclass(frozen=True)
class Lifetimes:
    """Lifetimes of keys and entries in Redis, in seconds; tests scale them."""

    horizon_seconds: int = 3 * ONLINE_SECONDS
    record_seconds: int = 300
    set_seconds: int = 30 * 86_400
    connections_per_user: int = 50
    choice_seconds: int = 30 * 86_400


class PresenceStore:
    """Writes the presence of this node's connections, and reads the presence of all users.

    Every method raises RoomcastError when Redis fails. All writes are safe to repeat.

    `incarnation` is new at each start of the process.
    """

    def __init__(self, scripts: Scripts, node: str, incarnation: str, lifetimes: Lifetimes | None = None) -> None:
        self._redis = RedisPort(scripts)
        self._node = node
        self._incarnation = incarnation
        self._lives = lifetimes or Lifetimes()

    # --- writing ---

    async def write_batch(self, batch: Batch) -> WriteResult:
        """Write a batch of `Activity.take_batch`; after an error pass the batch to `Activity.restore_batch`."""
        unknown = await self.keep_alive({shard: list(users) for shard, users in batch.alive.items()})
        hidden, followed = await self.touch(batch.full)
        await self.remove_connections(batch.left)
        return WriteResult(unknown, hidden, followed)

    async def touch(self, rows: Iterable[Touch]) -> tuple[list[str], list[Followed]]:
        """Write full states of connections, and publish the changes that other users can see.

        Returns the hidden users, and the present status and note of connections without a status of their own.
        """
        hidden: list[str] = []
        followed: list[Followed] = []
        async for wave in _waves(_by_shard(rows, lambda row: row.user), _FULL_ROWS):
            answers = await self._redis.run_scripts("presence_touch", (self._touch_call(*part) for part in wave))
            for (_, chunk), (positions, flat) in zip(wave, answers, strict=True):
                hidden.extend(chunk[at - 1].user for at in positions)
                followed.extend(_read_followed(chunk, flat))
        return hidden, followed

    async def keep_alive(self, users: dict[int, list[str]]) -> list[str]:
        """Record signs of life of users, by shard, without full states. Return users without data in Redis."""
        unknown: list[str] = []
        async for wave in _waves(users, _KEEP_USERS):
            answers = await self._redis.run_scripts("presence_keep", (self._keep_call(*part) for part in wave))
            for (_, chunk), positions in zip(wave, answers, strict=True):
                unknown.extend(chunk[at - 1] for at in positions)
        return unknown

    async def remove_connections(self, rows: Iterable[tuple[str, str]]) -> None:
        """Remove ended connections, given as (user, connection). A user without a further connection is offline."""
        async for wave in _waves(_by_shard(rows, lambda row: row[0]), _FULL_ROWS):
            await self._redis.run_scripts("presence_leave", (self._leave_call(*part) for part in wave))

    def _touch_call(self, shard: int, rows: Sequence[Touch]) -> ScriptCall:
        """Return KEYS and ARGV of `presence_touch.lua`."""
        lives = self._lives
        head = (
            self._node,
            self._incarnation,
            lives.horizon_seconds,
            lives.record_seconds,
            lives.set_seconds,
            lives.connections_per_user,
            lives.choice_seconds,
        )
        users = [row.user for row in rows]
        first, connections = self._names(shard), self._connections(shard, users)
        choices = (keys.presence_choice(shard, user) for user in users)
        names = (*first, keys.presence_ends(shard), *connections, *choices)
        return names, (*head, *(part for row in rows for part in _touch_args(row)))

    def _keep_call(self, shard: int, users: Sequence[str]) -> ScriptCall:
        """Return KEYS and ARGV of `presence_keep.lua`."""
        return (keys.presence_seen(shard),), (self._lives.horizon_seconds, self._lives.set_seconds, *users)

    def _leave_call(self, shard: int, rows: Sequence[tuple[str, str]]) -> ScriptCall:
        """Return KEYS and ARGV of `presence_leave.lua`."""
        head = (self._lives.horizon_seconds, self._lives.set_seconds)
        names = (*self._names(shard), *self._connections(shard, [user for user, _ in rows]))
        return names, (*head, *(part for row in rows for part in row))

    def _names(self, shard: int) -> tuple[str, ...]:
        return (
            keys.presence_seen(shard),
            keys.presence_last(shard),
            keys.presence_node(shard, self._node, self._incarnation),
            keys.presence_channel(shard),
        )

    @staticmethod
    def _connections(shard: int, users: Iterable[str]) -> Iterator[str]:
        return (keys.presence_connections(shard, user) for user in users)

    # --- reading ---

    async def query_users(self, users: Collection[str], *, devices: bool = False) -> dict[str, Presence]:
        """Return the presence of each user, including unknown users; with `devices`, also of each device."""
        chunks = [
            (shard, chunk)
            for shard, members in _by_shard(users, lambda user: user).items()
            for chunk in _chunks(members, _QUERY_USERS)
        ]
        answers = await self._redis.run_scripts(
            "presence_query", (self._query_call(*chunk, devices) for chunk in chunks)
        )
        shown: dict[str, Presence] = {}
        for (_, chunk), flat in zip(chunks, answers, strict=True):
            shown.update(zip(chunk, read_presences(flat), strict=True))
        return shown

    def _query_call(self, shard: int, users: Sequence[str], devices: bool) -> ScriptCall:
        """Return KEYS and ARGV of `presence_query.lua`."""
        names = (
            keys.presence_seen(shard),
            keys.presence_last(shard),
            *self._connections(shard, users),
        )
        return names, (self._lives.horizon_seconds, int(devices), *users)


def _touch_args(row: Touch) -> tuple[str | int, ...]:
    return row.user, row.connection, row.status or "", row.note, int(row.is_choice), row.until, row.kind


def _read_followed(rows: Sequence[Touch], flat: Sequence[Any]) -> Iterator[Followed]:
    for at, status, note, until in zip(*(flat[field::4] for field in range(4)), strict=True):
        yield Followed(rows[at - 1].connection, cast("Status", status.decode()), note.decode(), until)


def _by_shard(rows: Iterable[T], user_of: Callable[[T], str]) -> dict[int, list[T]]:
    groups: dict[int, list[T]] = {}
    for row in rows:
        groups.setdefault(keys.presence_shard(user_of(row)), []).append(row)
    return groups


async def _waves(groups: dict[int, list[T]], size: int) -> AsyncIterator[list[tuple[int, Sequence[T]]]]:
    """Yield waves: one chunk of each shard. Later chunks of a shard are in later waves.

    Without waves, many changes at once would fill Redis's queue. The event loop may do other work before each wave,
    because taking a batch and grouping it by shard takes some milliseconds.
    """
    for start in range(0, max(map(len, groups.values()), default=0), size):
        await asyncio.sleep(0)
        yield [(shard, rows[start : start + size]) for shard, rows in groups.items() if len(rows) > start]


def _chunks(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
