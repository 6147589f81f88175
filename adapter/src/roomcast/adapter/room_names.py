"""Convert the room keys of applications into room names for channels, and back. python-socketio accepts any key.

The name of a string is the string itself. The name of a number or UUID is a NUL, a letter for the type, and the value.
A string that starts with a NUL is escaped in the same way, so that it cannot equal such a name. As in python-socketio's
own manager, equal keys are the same room, for example 1, 1.0 and True.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sized
from enum import Enum
from typing import Any, Final
from uuid import UUID

_MARK: Final = "\0"
_READ: Final[dict[str, Callable[[str], Any]]] = {
    "s": str,
    "i": int,
    "f": float,
    "u": lambda text: UUID(hex=text),
}


def is_several(room: Any) -> bool:
    """Tell whether `room` is a collection of rooms."""
    return isinstance(room, Iterable) and not isinstance(room, str | bytes | bytearray | Enum)


def is_empty(room: Any) -> bool:
    """Tell whether `room` addresses no client: an empty text or collection. A number always names a room."""
    return isinstance(room, Sized) and len(room) == 0


def name_of(room: Any) -> str:
    """Return the name of one room. Raise TypeError for a key that is of none of these types."""
    if isinstance(room, str):
        text = str.__str__(room)  # for an Enum of strings, this is the value
        return f"{_MARK}s{text}" if text.startswith(_MARK) else text
    if isinstance(room, Enum):
        return name_of(room.value)
    if isinstance(room, int) or (isinstance(room, float) and room.is_integer()):
        return f"{_MARK}i{int(room)}"
    if isinstance(room, float):
        return f"{_MARK}f{room!r}"
    if isinstance(room, UUID):
        return f"{_MARK}u{room.hex}"
    raise TypeError(f"a room is a string, a number, a UUID or an Enum of these, not {type(room).__name__}")


def room_of(name: str) -> Any:
    """Return the key that has this name. The key of an Enum is its value; the key of 1.0 and True is 1."""
    return _READ[name[1]](name[2:]) if name.startswith(_MARK) else name
