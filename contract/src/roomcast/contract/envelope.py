"""The structs that Roomcast's processes send to each other through Redis. `roomcast.wire.envelope` encodes them.

| kind | channel or stream |
|---|---|
| room notes (for gateways, not for clients) | `room:{R}` |
| presence messages | `presence:{s}` |
| control messages | `control` |
| user messages | `user:{U}` |
| activity: a version byte and the id of a room, published by `room_append.lua` | `activity:XX` |
| media requests (one field `m`) | the stream `media:requests` |
| media replies to gateways | `node:{N}` |
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from roomcast.wire.envelope import VERSION, EnvelopeError

# --- room notes: on room:{R}, to gateways only ------------------------------------------------------------------------


class OccupancyChange(Struct, frozen=True, tag="occupancy", array_like=True):
    """Tell the gateways which users entered a room (user, display name, status) or left it, and the new occupancy."""

    occupancy: int
    entered: list[tuple[str, str, str]] = []
    left: list[str] = []


RoomNote = OccupancyChange


# --- presence messages: on presence:{s} -------------------------------------------------------------------------------


class PresenceRow(Struct, frozen=True, array_like=True):
    """A user's presence as others see it now. `last_seen` and `until` (the end of the note; 0: no end) are in ms.

    `devices` are `(kind, status)`, the most reachable first. `is_shown` is False if only devices changed.
    """

    user: str
    status: str
    last_seen: int
    note: str = ""
    until: int = 0
    devices: list[tuple[str, str]] = []
    is_shown: bool = True


class PresenceChanges(Struct, frozen=True, tag="presence", array_like=True):
    """The users whose presence changed, published by the script that changed it."""

    rows: list[PresenceRow]


# --- control messages: on control -------------------------------------------------------------------------------------


class Revoked(Struct, frozen=True, tag="revoked", array_like=True):
    """A user, token or sign-in was revoked. Read its `revoked:…` key again, and close the sessions that are refused."""

    user: str = ""
    token: str = ""
    session: str = ""


class Kicked(Struct, frozen=True, tag="kicked", array_like=True):
    """Remove a user from a room (`closed`: remove all users).

    `before` (ms by Redis's clock; 0: no limit): remove only a user who joined earlier. A user who joined later stays.
    """

    room: str
    user: str = ""
    closed: bool = False
    before: int = 0


class RoomCreated(Struct, frozen=True, tag="room_created", array_like=True):
    """A room was just stored. Check its local members: members of an earlier room with this id may have to leave."""

    room: str


class Disconnected(Struct, frozen=True, tag="disconnected", array_like=True):
    """Close the connections of a user. The user may connect again."""

    user: str


class Sanctioned(Struct, frozen=True, tag="sanctioned", array_like=True):
    """A mute, ban, block or slow mode changed. Read the `…:sanctions` keys of this room and of this user again."""

    room: str = ""
    user: str = ""


class NodeOrder(Struct, frozen=True, tag="node_order", array_like=True):
    """An operator's order to one gateway: take no new sessions, take new sessions again, or drain."""

    node: str
    order: Literal["cordon", "uncordon", "drain"]


class RoomChanged(Struct, frozen=True, tag="room_changed", array_like=True):
    """The description of a stored room, or the role of `user` in it, changed. Read the room, and tell its members.

    `by` is the user who made the change; empty for a back end.
    """

    room: str
    by: str = ""
    user: str = ""


class ProfileChanged(Struct, frozen=True, tag="profile_changed", array_like=True):
    """The profile of a user changed. Read the profile again."""

    user: str


ControlMessage = Revoked | Kicked | RoomCreated | Sanctioned | Disconnected | NodeOrder | RoomChanged | ProfileChanged


# --- user messages: on user:{U} ---------------------------------------------------------------------------------------


class UserEvent(Struct, frozen=True, tag="event", array_like=True):
    """Send one event to every device of a user. `packet` is the Socket.IO packet."""

    namespace: str
    packet: bytes


class ListChanged(Struct, frozen=True, tag="list", array_like=True):
    """A room was added to or removed from the user's list, or its read mark moved. Read its inbox line again."""

    room: str


UserMessage = UserEvent | ListChanged


# --- activity: on activity:XX -----------------------------------------------------------------------------------------


def active_room(data: bytes) -> str:
    """Return the room in a message of an activity channel. Raise EnvelopeError for another version or form."""
    if not data or data[0] != VERSION or not data.isascii():
        raise EnvelopeError(f"version {data[0] if data else None}")
    return data[1:].decode()


# --- media requests: on the stream media:requests ---------------------------------------------------------------------


class MediaRequest(Struct, frozen=True, tag="media", array_like=True):
    """A request to the signers. A signer publishes the `MediaReply` on `node:{reply_to}`.

    For a back end, it pushes the reply to a list instead. `action` and its `args`: `sign` {room, name, type, size,
    width?, height?}; `complete` {upload, parts?}; `url` {upload, room}. The gateway has checked that `user` may enter
    the room. The signer checks who owns the upload. `deadline_ms`: the time (Redis's clock) until which the gateway or
    back end waits.
    """

    request: str
    reply_to: str
    user: str
    action: Literal["sign", "complete", "url"]
    args: dict[str, Any]
    deadline_ms: int


class MediaReply(Struct, frozen=True, tag="media_reply", array_like=True):
    """A signer's reply: `result` on success, else `error` (a number), `detail`, and seconds to wait (0: unknown)."""

    request: str
    result: dict[str, Any] | None = None
    error: int = 0
    detail: str = ""
    retry_after: float = 0.0
