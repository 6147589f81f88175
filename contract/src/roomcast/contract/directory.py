"""The directories of public rooms and of people: sorted sets of entries in the order of names. Pure.

An entry holds a name and the id of a room or person. It may be out of date: readers compare it with the stored room or
profile, and remove an entry that does not match.
"""

from __future__ import annotations

from typing import Final

MAX_LISTED: Final = 100_000
"""The most rooms in the directory; further rooms are not listed."""

_BREAK: Final = "\n"
"""Separates the name from the id in an entry; names and ids do not contain it."""


def entry_of(name: str, id_: str) -> str:
    """Return the entry of a room or person, which sorts by name without regard to case."""
    return f"{(name or id_).casefold()}{_BREAK}{id_}"


def id_of(entry: str) -> str:
    """Return the id of the room or person of an entry."""
    return entry.rpartition(_BREAK)[2]


def range_of(query: str, after: str | None) -> tuple[bytes, bytes]:
    """Return the ZRANGE … BYLEX bounds of the entries after `after` whose names begin with `query`."""
    prefix = query.casefold().encode()
    start = b"[" + prefix if prefix else b"-"
    if after and (behind := after.encode()) >= prefix:  # never before the first name that begins with `query`
        start = b"(" + behind
    return start, b"[" + prefix + b"\xff" if prefix else b"+"
