"""The lines of an inbox: a user's rooms, each with its last message and its numbers of unread and mentions. Pure.

`room_summary.lua` reads the lines of one room for some of its users. The functions in this module sort the lines,
divide them into pages, and convert them to the form that clients and back ends get.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from roomcast.contract import keys
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import DIRECT, Access, access, other_person

MAX_PREVIEW: Final = 200
"""The most characters of a text that an inbox shows."""
MAX_USERS: Final = 100
"""The most users whose lines one run of `room_summary.lua` reads."""
_ROOM_FIELDS: Final = 9
_USER_FIELDS: Final = 5
_PREVIEWED: Final = ("seq", "epoch", "time", "id", "user", "name", "kind", "mentions", "edited", "deleted")

Row = dict[str, Any]
"""A line as clients get it, in `inbox:list` and in `inbox` events."""


class Line(NamedTuple):
    """One room in one user's inbox, as Redis has it.

    `active`: the time of the latest text or media in ms, at most a second too early; 0 if there is none. `last_seq`:
    the seq of that message; 0 if the log no longer has it. `entry`: the message's JSON, if requested. `name`: the
    room's own name, or empty. `is_unsettled`: the next message may come without an announcement, see `room_append.lua`.
    `is_gone`: Redis has no data of the room. `read`: the user's read mark. `role` and `is_public`: see `room_role.lua`.
    """

    room: str
    seq: int
    epoch: str
    active: int
    last_seq: int
    entry: bytes | None
    name: str
    is_public: bool
    is_unsettled: bool
    is_gone: bool
    user: str
    unread: int
    mentions: int
    read: int
    role: str
    is_banned: bool

    @property
    def cursor(self) -> str:
        """Return the cursor that leads to the lines after this one."""
        return f"{self.active}/{self.room}"

    def is_open(self, *, by_token: bool = False) -> bool:
        """Return whether the user may enter the room. `by_token`: whether a pattern in the user's token opens it."""
        verdict = access(self.room, self.user)
        if verdict is Access.STORED:
            return not self.is_banned and (by_token or self.is_public or self.role != "")
        return verdict is Access.OPEN and not self.is_banned

    def reads_room(self, *, is_listed: bool) -> bool:
        """Return whether the user reads the room: as its member, or because the room is on the user's list.

        A message cannot mention a user who does not read the room, even if this user may enter the room: the user would
        not see the mention.
        """
        is_person = access(self.room, self.user) is Access.OPEN and self.room.startswith(DIRECT)
        return self.is_open(by_token=True) and (is_person or self.role != "" or is_listed)


def mention_refusal(room: str, users: Iterable[str]) -> RoomcastError:
    """Return the error for a message that mentions users who do not read the room."""
    return RoomcastError(Code.FORBIDDEN, f"mentions: {', '.join(sorted(users))} cannot read {room}")


def summary_keys(room: str) -> tuple[str, ...]:
    """Return the KEYS of `room_summary.lua`."""
    return (
        keys.room_log(room),
        keys.room_meta(room),
        keys.room_read(room),
        keys.room_counts(room),
        keys.room_members(room),
        keys.room_sanctions(room),
    )


def read_lines(room: str, users: Sequence[str], reply: Sequence[Any]) -> list[Line]:
    """Read the reply of `room_summary.lua` for these users, in their order."""
    seq, epoch, active, last_seq, entry, name, *flags = reply[:_ROOM_FIELDS]
    shared = (room, seq, epoch.decode(), int(active), int(last_seq), entry, name.decode(), *map(bool, flags))
    lines = []
    for at, user in zip(range(_ROOM_FIELDS, len(reply), _USER_FIELDS), users, strict=True):
        unread, mentions, mark, role, is_banned = reply[at : at + _USER_FIELDS]
        lines.append(Line._make((*shared, user, unread, mentions, mark, role.decode(), bool(is_banned))))
    return lines


def page_of(lines: Iterable[Line], after: str | None, limit: int) -> tuple[list[Line], bool]:
    """Return at most `limit` lines after the cursor `after`, the latest activity first, and whether more follow."""
    rest = sorted(lines, key=_place)
    if after is not None:
        active, _, room = after.partition("/")
        passed = (-int(active), room)
        rest = [line for line in rest if _place(line) > passed]
    return rest[:limit], len(rest) > limit


def _place(line: Line) -> tuple[int, str]:
    return -line.active, line.room


def shown(line: Line, name: str) -> Row:
    """Return the row that clients get for a line whose room the user may enter."""
    return {
        "room": line.room,
        "name": name,
        "seq": line.seq,
        "epoch": line.epoch,
        "active": line.active,
        "unread": line.unread,
        "mentions": line.mentions,
        "read": line.read,
        "last": preview(line.entry),
    }


def removed(room: str) -> Row:
    """Return the row that tells clients to remove the room from the inbox."""
    return {"room": room, "removed": True}


def name_of(line: Line, people: Mapping[str, str], listed: str = "") -> str:
    """Return the name of the room for its user.

    `people`: user -> name, `listed`: the name on the user's list. The first name that is known applies: the name of the
    other person in a direct room, the room's own name, `listed`, the id of that person, the id of the room.
    """
    other = other_person(line.room, line.user)
    person = people.get(other, other) if other else ""
    if person and person != other:
        return person
    return line.name or listed or person or line.room


def people_in(lines: list[Line]) -> list[str]:
    """Return the other people of the direct rooms among the lines."""
    return list({other for line in lines if (other := other_person(line.room, line.user))})


def preview(entry: bytes | None) -> dict[str, Any] | None:
    """Return the preview of a message for an inbox: author, time, the beginning of the text, the name of the file."""
    if not entry:
        return None
    message = msgspec.json.decode(entry)
    shown = {key: message[key] for key in _PREVIEWED if key in message}
    if "text" in message:
        shown["text"] = message["text"][:MAX_PREVIEW]
    if "media" in message:
        shown["media"] = {key: message["media"][key] for key in ("type", "name") if key in message["media"]}
    return shown
