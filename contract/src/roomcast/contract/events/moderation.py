"""Payloads of mutes, bans, slow mode and reports."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from roomcast.contract.events.fields import Limit, Payload, Room, Seq, User
from roomcast.contract.texts import MAX_REASON

SanctionSeconds = Annotated[int, Meta(ge=1, le=10 * 365 * 86_400)]
SlowSeconds = Annotated[int, Meta(ge=0, le=6 * 3_600)]
ReportId = Annotated[str, Meta(pattern=r"^[0-9]{1,15}-[0-9]{1,19}\Z")]


class RoomSanction(Payload, frozen=True):
    """Mute or ban a user in a room (`on`), or lift the mute or ban. `seconds` None: without an end."""

    room: Room
    user: User
    kind: Literal["mute", "ban"]
    on: bool
    seconds: SanctionSeconds | None = None


class RoomSanctions(Payload, frozen=True):
    """Ask who is muted or banned in a room."""

    room: Room


class RoomSlow(Payload, frozen=True):
    """Let each user of a room send at most one message per `seconds` seconds; 0 ends the slow mode."""

    room: Room
    seconds: SlowSeconds


class MessageReport(Payload, frozen=True):
    """Report a message to the room's moderators and the operators."""

    room: Room
    target: Seq
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON)]


class ReportList(Payload, frozen=True):
    """Ask for the open reports of a room that the user moderates. `room` None: of all rooms, for operators."""

    room: Room | None = None
    after: ReportId | None = None
    limit: Limit = 50


class ReportResolve(Payload, frozen=True):
    """Close a report."""

    id: ReportId
