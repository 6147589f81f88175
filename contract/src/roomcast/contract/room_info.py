"""The description of a stored room: kind, name, topic, owner, and an application's data. Pure.

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
"""The fields of the meta, in the order in which `read_description` takes their values."""


class RoomDescription(NamedTuple):
    """A stored room. `name` is the id of a room without a name; `data` may be empty."""

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
    """Raise FORBIDDEN when no room of this id and kind can be stored."""
    if room.startswith(DIRECT):
        raise RoomcastError(Code.FORBIDDEN, "a direct room is not created: its two people may enter it at any time")
    if room.startswith(PUBLIC) and kind != "public":
        raise RoomcastError(Code.FORBIDDEN, "a room whose id begins with `public:` has the kind `public`")


def moderator_refusal() -> RoomcastError:
    """Return the error for a user who does not moderate the room."""
    return RoomcastError(Code.FORBIDDEN, "only the owner and admins of the room, and operators, may do this")


def read_description(room: str, values: Sequence[bytes | None]) -> RoomDescription | None:
    """Return the room that the values of FIELDS describe; None when it is not stored."""
    kind, name, topic, owner, data = ((value or b"").decode() for value in values)
    if not kind:
        return None
    return RoomDescription(room, kind, name or room, topic, owner, read_data(data))


def changed_fields(
    name: str | None = None, topic: str | None = None, data: dict[str, Any] | None = None
) -> tuple[str, ...]:
    """Return the ARGV of `room_update.lua` for fields that are not None; an empty topic or object deletes its field.

    Raises BAD_REQUEST if all are None or the name has no visible character, TOO_LARGE for data over the limit.
    """
    fields: list[str] = []
    if name is not None:
        fields += ["name", require_name(name)]
    if topic is not None:
        fields += ["topic", clean_topic(topic)]
    if data is not None:
        fields += ["data", stored_data(data)]
    if not fields:
        raise RoomcastError(Code.BAD_REQUEST, "name, topic or data: at least one of them changes")
    return tuple(fields)


def keys_of_closed(room: str) -> tuple[str, ...]:
    """Return the KEYS of `room_close.lua`: the record of kicks, the members, and the other keys of the room."""
    rest = (key(room) for key in keys.OF_CLOSED_ROOMS if key is not keys.room_members)
    return (keys.room_kicked(room), keys.room_members(room), *rest)


def sanction_keys(room: str) -> tuple[str, ...]:
    """Return the KEYS of `room_sanction.lua` and `room_slow_set.lua`."""
    return (keys.room_sanctions(room), keys.room_meta(room), keys.room_members(room))
