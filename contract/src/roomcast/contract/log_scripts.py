"""Build the keys and arguments of `room_append.lua`. Parse the replies of `room_append.lua` and `room_read.lua`. Pure.

Gateways and back ends share this module.

A message is one JSON object. It begins with the fields `room`, `seq`, `epoch` and `time`; the script writes the last
three. The rest of the object is the `tail`: `"id":…,"user":…,"name":…,"kind":…` and the fields of that kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.server_events import MESSAGE
from roomcast.wire.envelope import pack_routing

_DUPLICATE: Final = 1
_STALE: Final = 2
_CLOSED: Final = 3


class PublishReceipt(NamedTuple):
    """The place of an appended message in the room's log. `time` is in ms by Redis's clock."""

    seq: int
    time: int
    epoch: str
    duplicate: bool


class History(NamedTuple):
    """One page of a room's log. `entries`: JSON as bytes, oldest first. The whole log goes from `first` to `seq`."""

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
    """The replacement of the entry `seq`, provided that the entry is still equal to `expected`.

    The new value is `before`, the seq of the new message, and `after`, joined; or only `before` if `after` is empty.
    """

    seq: int
    expected: bytes
    before: bytes
    after: bytes = b""


class StaleRewriteError(Exception):
    """The entry to rewrite has changed. Read it again, and retry."""


@dataclass(frozen=True)
class Retention:
    """The limits of a room's log. All writers of a cluster must use the same limits."""

    messages: int = 10_000
    age_seconds: float = 30 * 86_400
    idle_seconds: float = 30 * 86_400
    id_seconds: float = 3_600
    ids: int = 200_000

    @property
    def idle_ms(self) -> str:
        """The life of an idle room's keys in ms, as an argument of the scripts."""
        return str(int(self.idle_seconds * 1000))


class Place(NamedTuple):
    """The parts that all messages of a room share: KEYS of `room_append.lua`, and the JSON up to the seq (`head`)."""

    names: tuple[str, ...]
    head: str


def place_of(room: str) -> Place:
    """Return the parts that all messages of this room share."""
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
    """Builds the ARGV of `room_append.lua` for the messages of one namespace.

    `token`: the publisher token of a process with a cluster key (`roomcast.wire.seals`). Without the token, gateways
    that have a key refuse the published packet, and deliver the message from the log, some milliseconds later.
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
        """Return the ARGV of `room_append.lua`.

        `dedup`: see `dedup_field`; `epoch`: 16 new random characters of `[A-Za-z0-9]`; `run_id`: the run id of the
        Redis server ('' = do not compare); `tail`: the JSON after the time, without the opening brace; `rewrites`: four
        values each, in the order of `Rewrite`.
        """
        return (*self.head(place, run_id), epoch, dedup, tail, *(part for rewrite in rewrites for part in rewrite))

    def head(self, place: Place, run_id: str) -> tuple[bytes | str, ...]:
        """Return the first arguments, which all messages of a room share. Epoch, dedup field and tail follow them."""
        return (place.head, run_id, *self._constant)


def dedup_field(user: str, message_id: str, *, is_system: bool = False) -> str:
    """Return the field under which the room keeps a message id. It contains the user, so two users may use the same id.

    `is_system`: whether the message is a system message, or edits or deletes one. The field then contains a space,
    which an id from a client cannot contain. Otherwise the user whom the message names could use the same id first, and
    so suppress the message.
    """
    return f"{user}: {message_id}" if is_system else f"{user}:{message_id}"


def read_receipt(row: Sequence[Any]) -> PublishReceipt:
    """Parse the reply of `room_append.lua`.

    Raise StaleRewriteError if an entry to rewrite has changed, and CONFLICT for a room that was closed a moment ago.
    """
    if row[0] == _STALE:
        raise StaleRewriteError
    if row[0] == _CLOSED:
        raise RoomcastError(Code.CONFLICT, "the room was closed a moment ago")
    return PublishReceipt(row[1], row[2], row[3].decode(), row[0] == _DUPLICATE)


def read_page(row: Sequence[Any]) -> History:
    """Parse the reply of `room_read.lua`."""
    return History(row[0], row[1].decode(), row[2], row[3], list(row[4:]))
