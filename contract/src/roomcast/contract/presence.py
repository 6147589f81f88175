"""The presence of users as others see it. Parse the reply of `presence_query.lua`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

from roomcast.contract.events.presence import ShownStatus


class Device(NamedTuple):
    """One device of a user. `kind` is the kind of device that the client named, or empty."""

    kind: str
    status: ShownStatus


class Presence(NamedTuple):
    """A user's presence as others see it. `last_seen` is in ms by Redis's clock; 0 = never.

    `until` is the time in ms at which the note ends; 0 = never. `devices` contains up to 20 devices if they were
    requested, the most reachable first.
    """

    status: ShownStatus
    last_seen: int
    note: str
    until: int = 0
    devices: tuple[Device, ...] = ()


def read_presences(flat: Sequence[Any]) -> Iterator[Presence]:
    """Parse the reply of `presence_query.lua`."""
    for status, at, note, until, devices in zip(*(flat[field::5] for field in range(5)), strict=True):
        pairs = zip(devices[::2], devices[1::2], strict=True)
        found = tuple(Device(kind.decode(), cast("ShownStatus", each.decode())) for kind, each in pairs)
        yield Presence(cast("ShownStatus", status.decode()), at, note.decode(), until, found)
