"""The directory of public rooms: a sorted set of names and rooms, in the order of the names. Pure.

An entry may be out of date: readers compare it with the stored room, and remove an entry that does not match.
"""

from __future__ import annotations

from typing import Final

MAX_LISTED: Final = 100_000
"""The most rooms in the directory; further rooms are not listed."""

_BREAK: Final = "\n"
"""Separates name and room in an entry; names and ids do not contain it."""


def entry_of(name: str, room: str) -> str:
    """Return the entry of a room, sorted by its name without regard to case."""
    return f"{(name or room).casefold()}{_BREAK}{room}"


def room_of(entry: str) -> str:
    """Return the room of an entry."""
    return entry.rpartition(_BREAK)[2]


def range_of(query: str, after: str | None) -> tuple[bytes, bytes]:
    """Return the ZRANGE … BYLEX bounds of entries whose names begin with `query`, behind the entry `after`."""
    prefix = query.casefold().encode()
    start = b"[" + prefix if prefix else b"-"
    if after and (behind := after.encode()) >= prefix:  # never before the first name that begins with `query`
        start = b"(" + behind
    return start, b"[" + prefix + b"\xff" if prefix else b"+"
