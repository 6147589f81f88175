"""The description of a stored room: kind, name, topic, owner, and data of the application. Pure.

Gateways and back ends share this module. The fields are stored in the room's meta (`keys.room_meta`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from roomcast.contract import keys
from roomcast.contract.app_data import read_data, stored_data
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import DIRECT, PUBLIC
from roomcast.contract.texts import clean_topic, require_name

FIELDS: Final = ("kind", "name", "topic", "owner", "data")
"""The fields of the meta, in the order of the values for `read_description`."""


class RoomDescription(NamedTuple):
    """A stored room. If the room has no name, `name` is its id. `data` may be empty."""

    room: str
    kind: str
    name: str
    topic: str
    owner: str
    data: dict[str, Any]

    def public(self) -> dict[str, Any]:
        """Return the description as clients receive it."""
        return {"name": self.name, "topic": self.topic, "data": self.data}


def require_free_id(room: str, kind: str) -> None:
    """Raise FORBIDDEN if a room with this id and kind cannot be stored."""
    if room.startswith(DIRECT):
        raise RoomcastError(Code.FORBIDDEN, "a direct room is not created: its two people may enter it at any time")
    if room.startswith(PUBLIC) and kind != "public":
        raise RoomcastError(Code.FORBIDDEN, "a room whose id begins with `public:` has the kind `public`")


def moderator_refusal() -> RoomcastError:
    """Return the error for a user who does not moderate the room."""
    return RoomcastError(Code.FORBIDDEN, "only the owner and admins of the room, and operators, may do this")


def read_description(room: str, values: Sequence[bytes | None]) -> RoomDescription | None:
    """Return the room with these values of FIELDS, or None if the room is not stored."""
    kind, name, topic, owner, data = ((value or b"").decode() for value in values)
    if not kind:
        return None
    return RoomDescription(room, kind, name or room, topic, owner, read_data(data))


def changed_fields(
    name: str | None = None, topic: str | None = None, data: dict[str, Any] | None = None
) -> tuple[str, ...]:
    """Return the ARGV of `room_update.lua` for the fields that are not None.

    An empty topic or object deletes the stored one. Raise BAD_REQUEST if all fields are None, or if the name has no
    visible character. Raise TOO_LARGE for data above its limits.
    """
    fields: list[str] = []
    if name is not None:
        fields += ["name", require_name(name)]
    if topic is not None:
        fields += ["topic", clean_topic(topic)]
    if data is not None:
        fields += ["data", stored_data(data)]
    if not fields:
        raise RoomcastError(Code.BAD_REQUEST, "give at least one of name, topic and data")
    return tuple(fields)


def keys_of_closed(room: str) -> tuple[str, ...]:
    """Return the KEYS of `room_close.lua`: the record of kicks, the members, and the other keys of the room."""
    rest = (key(room) for key in keys.OF_CLOSED_ROOMS if key is not keys.room_members)
    return (keys.room_kicked(room), keys.room_members(room), *rest)


def sanction_keys(room: str) -> tuple[str, ...]:
    """Return the KEYS of `room_sanction.lua` and `room_slow_set.lua`."""
    return (keys.room_sanctions(room), keys.room_meta(room), keys.room_members(room))
