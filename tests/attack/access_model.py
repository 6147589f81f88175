"""A pure model of the access rules. `test_access_model.py` compares its outcomes with the answers of gateways."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

OK: Final = "ok"
FORBIDDEN: Final = "forbidden"
NOT_FOUND: Final = "not_found"
CONFLICT: Final = "conflict"
MUTED: Final = "muted"
MODERATORS: Final = ("owner", "admin")
WRITING: Final = ("message:send", "message:edit", "message:react")
READING: Final = ("room:join", "room:members", "message:history", "receipt:read")
MODERATING: Final = ("room:invite", "room:remove", "room:sanction", "room:sanctions", "room:slow", "report:list")


@dataclass(frozen=True)
class User:
    """A user with the claims of the token."""

    id: str
    rooms: tuple[str, ...] = ()
    create: tuple[str, ...] = ()
    ops: bool = False


@dataclass
class Room:
    """The model's state of a room. `kind` is empty until the room is stored.

    `used` is true once the room has had a message. `touched` is true once an action about the room was accepted: a
    gateway may then count it as used.
    """

    id: str
    kind: str = ""
    roles: dict[str, str] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)
    banned: set[str] = field(default_factory=set)
    authors: dict[int, str] = field(default_factory=dict)
    used: bool = False
    touched: bool = False


@dataclass(frozen=True)
class Action:
    """An event of a user about a room. `value` is empty, and `target` is 0, if the event has no such field."""

    event: str
    user: User
    room: Room
    other: User
    value: str = ""
    on: bool = True
    target: int = 0


def is_entitled(user: User, room: Room) -> bool:
    """Tell whether the user may be in the room."""
    if user.id in room.banned and not user.ops:
        return False
    prefix, _, rest = room.id.partition(":")
    if prefix == "public":
        return True
    if prefix == "dm":
        return user.id in rest.split(":")
    is_named = any(fnmatchcase(room.id, pattern) for pattern in user.rooms)
    return is_named or room.kind == "public" or user.id in room.roles


def is_moderator(user: User, room: Room) -> bool:
    """Tell whether the user may moderate the room: as an operator, or as owner or admin of a stored room."""
    if user.ops:
        return True
    is_own = room.roles.get(user.id) in MODERATORS and user.id not in room.banned
    return is_own and not room.id.startswith(("public:", "dm:"))


def expected(action: Action) -> set[str]:
    """Return the outcomes that the rules allow: two if the model cannot tell whether the room counts as used."""
    user, room = action.user, action.room
    if action.event == "room:create":
        return _creation(user, room, action.value)
    if action.event in MODERATING:
        return {_moderation(action)}
    if not is_entitled(user, room):
        return {FORBIDDEN}
    if action.event in WRITING and user.id in room.muted and not user.ops:
        return {MUTED}
    return {OK} if action.event in (*READING, "message:send") else {_amendment(action)}


def _creation(user: User, room: Room, kind: str) -> set[str]:
    is_public_id = room.id.startswith("public:")
    if room.id.startswith("dm:") or (is_public_id and kind != "public"):
        return {FORBIDDEN}
    if user.ops:
        return {CONFLICT if room.kind else OK}
    is_opened = any(fnmatchcase(room.id, pattern) for pattern in user.rooms)
    if is_public_id or is_opened or not any(fnmatchcase(room.id, pattern) for pattern in user.create):
        return {FORBIDDEN}
    if room.kind or room.used:
        return {CONFLICT}
    return {OK, CONFLICT} if room.touched else {OK}


def _moderation(action: Action) -> str:
    user, room, other = action.user, action.room, action.other.id
    is_self = other == user.id
    if not (is_moderator(user, room) or (action.event == "room:remove" and is_self)):
        return FORBIDDEN
    if action.event == "room:remove":
        role = room.roles.get(other)
        return FORBIDDEN if role == "owner" else OK if role else NOT_FOUND
    if action.event == "room:invite" and not room.kind:
        return NOT_FOUND  # only operators get here, because other moderators need a stored room
    if action.event == "room:sanction" and (is_self or (room.roles.get(other) == "owner" and not user.ops)):
        return FORBIDDEN
    return OK


def _amendment(action: Action) -> str:
    author = action.room.authors.get(action.target)
    if author is None:
        return NOT_FOUND
    if action.event == "message:react" or author == action.user.id:
        return OK
    is_allowed = action.event == "message:delete" and (
        action.user.ops or action.room.roles.get(action.user.id) in MODERATORS
    )
    return OK if is_allowed else FORBIDDEN


def apply(action: Action, seq: int) -> None:
    """Apply an accepted action to the model. `seq` is the number of the new message, if there is one."""
    room, other = action.room, action.other.id
    match action.event:
        case "room:create":
            room.kind = action.value
            room.roles[action.user.id] = "owner"
        case "room:invite" if room.roles.get(other) != "owner":
            room.roles[other] = action.value
        case "room:remove":
            del room.roles[other]
        case "room:sanction":
            sanctioned = room.muted if action.value == "mute" else room.banned
            (sanctioned.add if action.on else sanctioned.discard)(other)
        case "message:send":
            room.authors[seq] = action.user.id
        case "message:delete":
            del room.authors[action.target]
    room.touched = True
    room.used = room.used or action.event in ("message:send", "message:edit", "message:delete", "message:react")


def users(tag: str) -> list[User]:
    """Return users with every kind of claim."""
    return [
        User(f"ada-{tag}", create=("team:*",)),
        User(f"bob-{tag}", rooms=("deal:*",), create=("*",)),
        User(f"eve-{tag}"),
        User(f"oscar-{tag}", ops=True),
        User(f"zoe-{tag}", rooms=(f"team:{tag}:1",), create=("team:*", "deal:*")),
    ]


def rooms(tag: str) -> list[Room]:
    """Return rooms of every kind."""
    pair = f"dm:ada-{tag}:bob-{tag}"
    return [Room(name) for name in (f"public:{tag}:1", f"team:{tag}:1", f"team:{tag}:2", f"deal:{tag}:1", pair)]


def random_action(dice: random.Random, people: list[User], places: list[Room]) -> Action:
    """Return a random action of a random user. The rules may forbid it."""
    room = dice.choice(places)
    event = dice.choice(
        (*READING, *WRITING, *MODERATING, "message:delete", "room:create", "room:invite", "room:sanction")
    )
    values = {
        "room:create": ("private", "private", "public"),
        "room:invite": ("member", "admin"),
        "room:sanction": ("mute", "ban"),
    }
    return Action(
        event,
        user=dice.choice(people),
        room=room,
        other=dice.choice(people),
        value=dice.choice(values.get(event, ("",))),
        on=dice.random() < 0.5,
        target=dice.choice([*room.authors, 999_999]) if room.authors else 999_999,
    )
