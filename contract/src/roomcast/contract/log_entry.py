"""Build the entry of a message in a room's log: keys and arguments of `room_append.lua`; read pages of it. Pure.

Gateways and back ends share it.

A message is one JSON object that begins with `room, seq, epoch, time` (the script writes the last three) and goes on
with its `tail`: `"id":…,"user":…,"name":…,"kind":…` and what its kind adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.events import MESSAGE
from roomcast.wire.envelope import pack_routing

_DUPLICATE: Final = 1
_STALE: Final = 2


class PublishReceipt(NamedTuple):
    """The log's answer to an appended message; `time` in ms by Redis's clock."""

    seq: int
    time: int
    epoch: str
    duplicate: bool


class History(NamedTuple):
    """One page of a room; `entries` are JSON objects as bytes, oldest first; `first` is the lowest seq kept."""

    seq: int
    epoch: str
    first: int
    time: int
    entries: list[bytes]

    @property
    def size(self) -> int:
        """The bytes of all entries."""
        return sum(map(len, self.entries))


class Rewrite(NamedTuple):
    """Replace the entry `seq`, if it still is `expected`.

    The replacement is `before`, then the new message's seq, then `after`; without an `after` it is `before` alone.
    """

    seq: int
    expected: bytes
    before: bytes
    after: bytes = b""


class StaleRewriteError(Exception):
    """An entry to be rewritten was changed meanwhile: read it again."""


@dataclass(frozen=True)
class Retention:
    """The bounds of a room's log. All writers of a cluster use the same."""

    messages: int = 10_000
    age_seconds: float = 30 * 86_400
    idle_seconds: float = 30 * 86_400
    id_seconds: float = 3_600
    ids: int = 200_000

    @property
    def idle_ms(self) -> str:
        """The life of an idle room's keys, as an argument of the script."""
        return str(int(self.idle_seconds * 1000))


class Place(NamedTuple):
    """The destination of a room's messages: KEYS of `room_append.lua`, and their JSON up to the seq."""

    names: tuple[str, ...]
    head: str


def place_of(room: str) -> Place:
    """Return the place of a room's messages."""
    names = (
        keys.room_log(room),
        keys.room_meta(room),
        keys.room_ids(room),
        keys.room_ids_old(room),
        keys.room_channel(room),
        keys.room_counts(room),
    )
    return Place(names, f'{{"room":"{room}","seq":')


class EntryForm:
    """The parts that all messages of one namespace have in common.

    `token`: the publisher token of a process with a cluster key (`roomcast.wire.seals`). Without it, gateways that
    have a key deliver the message from the log, some milliseconds later.
    """

    def __init__(self, namespace: str = "/", retention: Retention | None = None, token: tuple[str, ...] = ()) -> None:
        kept = retention or Retention()
        space = "" if namespace == "/" else f"{namespace},"
        self.packet_head = f'2{space}["{MESSAGE}",'
        self._constant = (
            pack_routing(namespace, token) + self.packet_head.encode(),
            str(kept.messages),
            str(int(kept.age_seconds * 1000)),
            kept.idle_ms,
            str(int(kept.id_seconds * 1000)),
            str(kept.ids),
        )

    def arguments(
        self, place: Place, dedup: str, epoch: str, run_id: str, tail: bytes, rewrites: Sequence[Sequence[Any]] = ()
    ) -> tuple[bytes | str | int, ...]:
        """ARGV of `room_append.lua`.

        `dedup`: see `dedup_field`; `epoch`: 16 fresh random characters of `[A-Za-z0-9]`; `run_id`: of the Redis server
        process ('' = do not compare); `tail`: the JSON after the time, without the opening brace; `rewrites`: of four
        parts each, as the script describes them.
        """
        return (*self.head(place, run_id), epoch, dedup, tail, *(part for rewrite in rewrites for part in rewrite))

    def head(self, place: Place, run_id: str) -> tuple[bytes | str, ...]:
        """Return the arguments that all messages of a room share; epoch, dedup field and tail follow."""
        return (place.head, run_id, *self._constant)


def dedup_field(user: str, message_id: str) -> str:
    """Under which name the room remembers a message's id: ids of different users never meet."""
    return f"{user}:{message_id}"


def read_receipt(row: Sequence[Any]) -> PublishReceipt:
    """Read the script's reply; raise StaleRewriteError when an entry to be rewritten was not as expected."""
    if row[0] == _STALE:
        raise StaleRewriteError
    return PublishReceipt(row[1], row[2], row[3].decode(), row[0] == _DUPLICATE)


def read_page(row: Sequence[Any]) -> History:
    """Read the reply of `room_read.lua`."""
    return History(row[0], row[1].decode(), row[2], row[3], list(row[4:]))
