"""The directories of public rooms and of people: sorted sets with one entry per room or person, by name. Pure.

An entry consists of a name and an id. It may be out of date, so readers compare it with the stored room or profile, and
remove an entry that does not match.
"""

from __future__ import annotations

from typing import Final

MAX_LISTED: Final = 100_000
"""The most rooms in the directory. Further rooms are not listed."""

_BREAK: Final = "\n"
"""Separates the name from the id in an entry; names and ids do not contain it."""


def entry_of(name: str, id_: str) -> str:
    """Return the entry of a room or person. Entries sort by name, without regard to case."""
    return f"{(name or id_).casefold()}{_BREAK}{id_}"


def id_of(entry: str) -> str:
    """Return the id of the room or person in an entry."""
    return entry.rpartition(_BREAK)[2]


def range_of(query: str, after: str | None) -> tuple[bytes, bytes]:
    """Return the ZRANGE … BYLEX bounds of the entries after `after` whose names begin with `query`."""
    prefix = query.casefold().encode()
    start = b"[" + prefix if prefix else b"-"
    if after and (behind := after.encode()) >= prefix:  # do not start before the first name that begins with `query`
        start = b"(" + behind
    return start, b"[" + prefix + b"\xff" if prefix else b"+"
