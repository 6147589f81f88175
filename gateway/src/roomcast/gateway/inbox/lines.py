"""Convert a line of an inbox to the form that clients get. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roomcast.contract.ids import other_person
from roomcast.contract.inbox import Line, preview

Row = dict[str, Any]
"""A line in the form of `inbox:list` and of `inbox` events: one room."""


def shown(line: Line, name: str) -> Row:
    """Return the form of a line whose room the user may enter."""
    return {
        "room": line.room,
        "name": name,
        "seq": line.seq,
        "epoch": line.epoch,
        "active": line.active_at,
        "unread": line.unread,
        "mentions": line.mentions,
        "read": line.read,
        "last": preview(line.entry),
    }


def removed(room: str) -> Row:
    """Return the form of a line that tells clients to remove the room from the inbox."""
    return {"room": room, "removed": True}


def name_of(line: Line, people: Mapping[str, str], listed: str = "") -> str:
    """Return, for a direct room, the other person's name; else the room's name, its name on the list, or an id."""
    other = other_person(line.room, line.user)
    person = people.get(other, other) if other else ""
    if person and person != other:
        return person
    return line.name or listed or person or line.room


def people_in(lines: list[Line]) -> list[str]:
    """Return the other people of the direct rooms among the lines."""
    return list({other for line in lines if (other := other_person(line.room, line.user))})
