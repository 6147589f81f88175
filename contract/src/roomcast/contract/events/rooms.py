"""Payloads of `room:…` and `inbox:list`: join and leave, members, descriptions, the lists of rooms, custom events."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta, field

from roomcast.contract.events.fields import Data, Limit, Name, Payload, Room, User
from roomcast.contract.ids import EVENT_NAME_PATTERN, ROOM_ID
from roomcast.contract.limits import MAX_LIST
from roomcast.contract.texts import MAX_NAME, MAX_TOPIC

Topic = Annotated[str, Meta(max_length=MAX_TOPIC)]
EventName = Annotated[str, Meta(pattern=EVENT_NAME_PATTERN)]
CURSOR: Final = rf"[0-9]{{1,16}}/{ROOM_ID}"
"""A place in an inbox: the time of the last activity, and the room."""
Cursor = Annotated[str, Meta(pattern=rf"^{CURSOR}\Z")]


class Since(Payload, frozen=True):
    """The last position of a returning client. Any number or text is valid, but recovery needs a known position."""

    seq: int | float | str
    epoch: str


class RoomJoin(Payload, frozen=True):
    room: Room
    since: Since | None = None
    limit: Limit = 50
    replay: bool = False


class RoomLeave(Payload, frozen=True):
    room: Room


class RoomMembers(Payload, frozen=True):
    """Ask for the occupants of a room. With `stored`, ask for the stored members, who need not be in the room."""

    room: Room
    after: str | None = None
    limit: Limit = MAX_LIST
    stored: bool = False


class RoomCreate(Payload, frozen=True):
    room: Room
    kind: Literal["private", "public"]
    name: Name | None = None


class RoomInvite(Payload, frozen=True):
    room: Room
    user: User
    role: Literal["admin", "member"] = "member"


class RoomRemove(Payload, frozen=True):
    room: Room
    user: User


class RoomInfo(Payload, frozen=True):
    """Ask for the description of a stored room."""

    room: Room


class RoomDirectory(Payload, frozen=True):
    """Ask for the public rooms whose names begin with `query`."""

    query: Annotated[str, Meta(max_length=MAX_NAME)] = ""
    after: Annotated[str, Meta(max_length=1_000)] | None = None
    limit: Limit = 50


class RoomUpdate(Payload, frozen=True):
    """Change a room's description. A missing field does not change. An empty topic or object deletes the stored one."""

    room: Room
    name: Name | None = None
    topic: Topic | None = None
    data: Data | None = None


class RoomTransfer(Payload, frozen=True):
    """Make another member the owner."""

    room: Room
    user: User


class RoomClose(Payload, frozen=True):
    """Delete a room with its history and memberships."""

    room: Room


class RoomQuit(Payload, frozen=True):
    """Leave a room permanently, on all devices: end the membership, and remove the room from the user's list."""

    room: Room


class RoomEmit(Payload, frozen=True):
    """Send a custom event to the other users in a room. `as_invisible`: also if that reveals an invisible sender."""

    room: Room
    event: EventName
    data: Data = field(default_factory=dict)
    as_invisible: bool = False


class RoomList(Payload, frozen=True):
    after: str | None = None
    limit: Limit = MAX_LIST


class InboxList(Payload, frozen=True):
    """Ask for a page of the user's inbox, the latest activity first.

    `live` starts (true) or stops (false) the `inbox` events for this client. Without `live`, nothing changes.
    """

    after: Cursor | None = None
    limit: Limit = 50
    live: bool | None = None
