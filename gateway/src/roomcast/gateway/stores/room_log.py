"""The room log in Redis: append and publish entries, read pages, amend. Redis errors become RoomcastError."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import getrandbits
from typing import Any, Final, NamedTuple

import orjson

from roomcast.adapter.redis.backplane import Backplane
from roomcast.adapter.redis.command_pipeline import OnReply
from roomcast.adapter.redis.connection import RedisConnection, pack_command
from roomcast.adapter.room_log import Page
from roomcast.contract import keys
from roomcast.contract.events.server_events import RESYNC
from roomcast.contract.log_scripts import EntryForm, Place, dedup_field, place_of, read_page, read_receipt
from roomcast.contract.log_scripts import History as History
from roomcast.contract.log_scripts import PublishReceipt as PublishReceipt
from roomcast.contract.log_scripts import Retention as Retention
from roomcast.contract.log_scripts import Rewrite as Rewrite
from roomcast.contract.log_scripts import StaleRewriteError as StaleRewriteError
from roomcast.contract.lua import script
from roomcast.gateway.stores.redis_port import RedisPort, translated
from roomcast.gateway.stores.single_flight import SingleFlight

_FILL_PAGE: Final = 500


class FastAppend(NamedTuple):
    """The command that appends plain messages of the fast path to one room, valid while the connection is open.

    `head` is the packed `room_append` of the room without its last three arguments: epoch, dedup field and tail. If
    `send` is not None, it replaces `connection.send`.
    """

    head: bytes
    connection: RedisConnection
    send: Callable[[bytes, OnReply], None] | None


class LogStore:
    """Implements `roomcast.adapter.room_log.RoomLog` for the adapter, and the log's use cases for the chat."""

    def __init__(
        self,
        backplane: Backplane,
        *,
        namespace: str = "/",
        retention: Retention | None = None,
        token: tuple[str, ...] = (),
    ) -> None:
        """`token`: the publisher token of this process (see `roomcast.wire.seals`)."""
        self.namespace = namespace
        kept = retention or Retention()
        self._backplane = backplane
        self._redis = RedisPort(backplane)
        self._form = EntryForm(namespace, kept, token)
        self._packet_head = self._form.packet_head.encode()
        space = "" if namespace == "/" else f"{namespace},"
        self._resync_head = f'2{space}["{RESYNC}",'
        self._idle_ms = kept.idle_ms
        self._places: dict[str, Place] = {}
        self._reads: SingleFlight[History] = SingleFlight()
        self._heads: dict[str, tuple[str, bytes]] = {}

    # --- writing ---

    def append(
        self, room: str, user: str, message_id: str, tail: bytes, rewrites: Sequence[Rewrite] = ()
    ) -> Awaitable[PublishReceipt]:
        """Queue a message for the log and the room now; the caller awaits its receipt.

        `tail` is the JSON of the message's fields after `room, seq, epoch, time`, without the opening brace. Raises
        RoomcastError (UNAVAILABLE: nothing was done; OUTCOME_UNKNOWN: resend the same id) and StaleRewriteError.
        """
        with translated:
            place, args = self._append_arguments(room, user, message_id, tail, rewrites)
            reply = self._backplane.script("room_append", place.names, args)
        return _receipt(reply)

    def fast_append(self, room: str) -> FastAppend | None:
        """Return the command for the fast path's plain messages into this room; None if only `append` can send now."""
        place = self._of(room)
        writer = self._backplane.durable(place.names[0])
        return None if writer is None else FastAppend(self._head(room, place, writer.connection.run_id), *writer)

    def _head(self, room: str, place: Place, run_id: str) -> bytes:
        """Return the part of the command that all messages of the room share, from a cache."""
        known = self._heads.get(room)
        if known is not None and known[0] == run_id:
            return known[1]
        names, shared = self._backplane.keyspace.names(place.names), self._form.head(place, run_id)
        count = 3 + len(names) + len(shared) + 3
        head = pack_command(count, "EVALSHA", script("room_append").sha, len(names), *names, *shared)
        self._heads[room] = run_id, head
        return head

    def _append_arguments(
        self, room: str, user: str, message_id: str, tail: bytes, rewrites: Sequence[Rewrite]
    ) -> tuple[Place, tuple[bytes | str | int, ...]]:
        place = self._of(room)
        run_id = self._backplane.run_id(place.names[0])
        field = dedup_field(user, message_id)
        return place, self._form.arguments(place, field, _fresh_epoch(), run_id, tail, rewrites)

    async def find_receipt(self, room: str, user: str, message_id: str) -> PublishReceipt | None:
        """Return the receipt of a published message, or None if the log does not remember its id."""
        field = dedup_field(user, message_id)
        for key in (keys.room_ids(room), keys.room_ids_old(room)):
            value = await self._redis.call("HGET", key, field)
            if value is not None:
                seq, time, epoch = value.decode().split(" ")
                return PublishReceipt(int(seq), int(time), epoch, duplicate=True)
        return None

    # --- reading ---

    async def read_after(self, room: str, seq: int, limit: int) -> History:
        """Return the first entries above `seq`."""
        return await self._read(room, "after", seq, limit)

    async def read_before(self, room: str, seq: int, limit: int) -> History:
        """Return the newest entries below `seq`, or the newest of all if `seq` is 0."""
        return await self._read(room, "before", seq, limit)

    async def read_entry(self, room: str, seq: int) -> bytes | None:
        """Return the JSON of one entry, or None if the entry is not in the log."""
        value: bytes | None = await self._redis.call("HGET", keys.room_log(room), seq)
        return value

    async def _read(self, room: str, direction: str, seq: int, limit: int) -> History:
        """Share one read among callers that want the same page. The read begins after the calls of these callers."""

        async def begin() -> History:
            with translated:
                return read_page(await self._read_script(room, direction, seq, limit))

        return await self._reads.read((room, direction, seq, limit), begin)

    def _read_used(self, room: str, after: int, limit: int) -> Awaitable[Any]:
        """Read a page for the adapter. For a room without a log, return an empty epoch; `_read` would create one."""
        return self._read_script(room, "after", after, limit, "used")

    def _read_script(self, room: str, direction: str, seq: int, limit: int, *more: str) -> Awaitable[Any]:
        names = self._of(room).names
        args = (
            direction,
            str(seq),
            str(limit),
            _fresh_epoch(),
            self._backplane.run_id(names[0]),
            self._idle_ms,
            *more,
        )
        return self._backplane.script("room_read", names[:2], args)

    def _of(self, room: str) -> Place:
        """Return the keys and channel of the room's messages, from a bounded cache."""
        known = self._places.get(room)
        if known is None:
            if len(self._places) > 10_000:
                self._places.clear()
                self._heads.clear()
            known = self._places[room] = place_of(room)
        return known

    # --- roomcast.adapter.room_log.RoomLog ---

    async def page(self, room: str, after: int) -> Page:
        """Return packets of the first entries above `after`, for the adapter to fill a gap."""
        got = read_page(await self._read_used(room, after, _FILL_PAGE))
        return Page(got.epoch.encode(), got.seq, got.first, [self.message_packet(entry) for entry in got.entries])

    async def positions(self, rooms: list[str]) -> dict[str, tuple[bytes, int]]:
        """Return the epoch and the newest `seq` of each room that has a log."""
        rows = await asyncio.gather(*(self._read_used(room, 0, 0) for room in rooms))
        return {room: (row[1], row[0]) for room, row in zip(rooms, rows, strict=True) if row[1]}

    def message_packet(self, entry: bytes) -> bytes:
        """Return the Socket.IO packet of an entry, as `room_append.lua` publishes it."""
        return self._packet_head + entry + b"]"

    def resync_packet(self, room: str) -> bytes:
        """Return the Socket.IO packet that tells a client to join the room again."""
        return (self._resync_head + orjson.dumps({"room": room}).decode() + "]").encode()


def _fresh_epoch() -> str:
    """Return 16 random characters. They need not be secret, so a generator without system calls is enough."""
    return "%016x" % getrandbits(64)  # noqa: UP031 (the hot path: twice as fast as an f-string)


async def _receipt(reply: Awaitable[Any]) -> PublishReceipt:
    with translated:
        return read_receipt(await reply)
