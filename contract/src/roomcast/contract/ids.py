"""Room and user ids: their form, and which users a room id lets in.

Room ids have 1 to 128 characters of `[A-Za-z0-9_.:@-]`. Every signed-in user may enter `public:<name>`. Only the users
a and b may enter `dm:<a>:<b>` (ids sorted). Every other room needs a stored membership or a pattern in the token. User
ids have 1 to 60 characters of `[A-Za-z0-9_.@-]`.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

ROOM_ID: Final = r"[A-Za-z0-9_.:@-]{1,128}"
USER_ID: Final = r"[A-Za-z0-9_.@-]{1,60}"
CLIENT_ID_CHARACTER: Final = r"[\x21-\x7e]"
MAX_CLIENT_ID: Final = 64
CLIENT_ID: Final = rf"{CLIENT_ID_CHARACTER}{{1,{MAX_CLIENT_ID}}}"
"""The pattern of a message id, which the client chooses: printable ASCII without spaces."""
EVENT_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}"
"""The pattern of the name of a custom event."""
EVENT_NAME_PATTERN: Final = rf"^{EVENT_NAME}\Z"
ROOM_PATTERN: Final = rf"^{ROOM_ID}\Z"
USER_PATTERN: Final = rf"^{USER_ID}\Z"
"""ROOM_PATTERN and USER_PATTERN match only whole ids, also in validators that search. (`$` allows a last newline.)"""

DIRECT: Final = "dm:"
PUBLIC: Final = "public:"
_ROOM = re.compile(ROOM_ID)
_USER = re.compile(USER_ID)
_EVENT_NAME = re.compile(EVENT_NAME)
_ENCODED_PREFIX: Final = "x--"
_ENCODED_SAFE = re.compile(rb"[A-Za-z0-9_.@]")


class Access(Enum):
    """The way a room id lets a user in: always, never, or only with a stored membership or a pattern in the token."""

    OPEN = "open"
    CLOSED = "closed"
    STORED = "stored"


def is_room_id(text: str) -> bool:
    """Tell whether `text` has the form of a room id."""
    return _ROOM.fullmatch(text) is not None


def is_event_name(text: str) -> bool:
    """Tell whether `text` has the form of a custom event's name."""
    return _EVENT_NAME.fullmatch(text) is not None


def is_user_id(text: str) -> bool:
    """Tell whether `text` has the form of a user id."""
    return _USER.fullmatch(text) is not None


def encode_subject(subject: str) -> str:
    """Return a token's `sub` as a user id.

    A subject that has the form of a user id, and does not start with `x--`, stays unchanged. Any other subject becomes
    `x--` and its UTF-8 bytes, in which a byte outside `[A-Za-z0-9_.@]` is written `-HH` (upper-case hex): `auth0|x1`
    becomes `x--auth0-7Cx1`. Raise ValueError for an empty subject, and for a result of more than 60 characters.
    """
    if is_user_id(subject) and not subject.startswith(_ENCODED_PREFIX):
        return subject
    encoded = _ENCODED_PREFIX + "".join(
        chr(byte) if _ENCODED_SAFE.match(bytes((byte,))) else f"-{byte:02X}" for byte in subject.encode()
    )
    if not subject or not is_user_id(encoded):
        raise ValueError("the subject is empty or too long for a user id")
    return encoded


def decode_user(user: str) -> str:
    """Return the `sub` of a user id. This is the inverse of `encode_subject`."""
    if not user.startswith(_ENCODED_PREFIX):
        return user
    raw = re.sub(rb"-([0-9A-F]{2})", lambda m: bytes((int(m[1], 16),)), user.removeprefix(_ENCODED_PREFIX).encode())
    return raw.decode()


def direct_room(user: str, other: str) -> str:
    """Return the id of the direct room of two users."""
    return DIRECT + ":".join(sorted((user, other)))


def people_of(room: str) -> tuple[str, ...]:
    """Return the two users of a direct room, who may be the same user. Return an empty tuple for any other room."""
    if not room.startswith(DIRECT):
        return ()
    first, _, second = room.removeprefix(DIRECT).partition(":")
    return first, second


def is_pair(room: str) -> bool:
    """Return whether `room` is `dm:` and two sorted user ids. No user may enter another room that begins with `dm:`."""
    if not room.startswith(DIRECT):
        return False
    first, second = people_of(room)
    return is_user_id(first) and is_user_id(second) and first <= second


def other_person(room: str, user: str) -> str | None:
    """Return the other user of a direct room. Return None for any other room, and if both users are the same."""
    match people_of(room):
        case first, second if first != second:
            return second if user == first else first
        case _:
            return None


def access(room: str, user: str) -> Access:
    """Return whether the id of `room` lets `user` enter. The room need not exist."""
    kind, _, rest = room.partition(":")
    if kind == "public" and rest:
        return Access.OPEN
    if kind == "dm":
        return Access.OPEN if is_pair(room) and user in people_of(room) else Access.CLOSED
    return Access.STORED
