"""Payloads of `presence…` and `typing`, and the presence of a user as gateways send it."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from roomcast.contract.events.fields import Payload, Room, Users
from roomcast.contract.limits import MAX_SEQ
from roomcast.contract.texts import MAX_NOTE

Note = Annotated[str, Meta(max_length=MAX_NOTE)]
Until = Annotated[int, Meta(ge=1, le=MAX_SEQ)]
"""The end of a note, in milliseconds since the epoch."""
Status = Literal["online", "away", "busy", "invisible"]
ShownStatus = Literal["online", "away", "busy", "offline"]


class Typing(Payload, frozen=True):
    room: Room
    typing: bool


class Presence(Payload, frozen=True):
    """Set the user's status, the note, and the time `until` which the note lasts. A missing field does not change."""

    status: Status | None = None
    note: Note | None = None
    until: Until | None = None


class PresenceUsers(Payload, frozen=True):
    users: Users


class PresenceLook(Payload, frozen=True):
    """Ask for the presence of users. `devices`: include the presence of each device."""

    users: Users
    devices: bool = False


class PresenceDevice(TypedDict, total=False):
    """One device of a user. `kind` is missing if the client did not name a kind."""

    status: ShownStatus
    kind: str


class PresenceChange(TypedDict, total=False):
    """One user's presence as others may see it. `last_seen` and `until` are in milliseconds."""

    user: str
    status: ShownStatus
    last_seen: int
    note: str
    until: int
    devices: list[PresenceDevice]
