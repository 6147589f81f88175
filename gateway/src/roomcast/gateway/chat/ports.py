"""The interfaces through which the chat's use cases use other parts of the gateway."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, NamedTuple, Protocol

from roomcast.contract.envelope import Kicked, RoomChanged, RoomCreated, Sanctioned
from roomcast.gateway.sign_in.session import ChatSession

AckFields = dict[str, Any]
"""Fields that an ack adds to `ok: true`."""


class RoomSnapshot(NamedTuple):
    """The number of a room's occupants, at most 100 occupants as `{user, name, status}`, and read marks by user."""

    occupancy: int
    members: list[dict[str, Any]]
    marks: dict[str, int]


class RoomOccupancy(Protocol):
    """The users in each room, across gateways."""

    def enter_room(self, session: ChatSession, room: str) -> Awaitable[RoomSnapshot]:
        """Add a session to a room; return at most 100 members, the session's user first. Idempotent.

        Call it after `Visibility.wait_written`. The call sends the command; the caller must always await the reply.
        """
        ...

    async def leave_room(self, session: ChatSession, room: str) -> None:
        """Remove a session from a room, or undo its failed join. Idempotent."""
        ...

    def sessions_in(self, room: str) -> list[ChatSession]:
        """Return the sessions of this gateway that have entered a room, including sessions with a join in progress."""
        ...

    async def page_members(self, room: str, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of the room's occupants, and the `after` of the next page; None if there is no next page."""
        ...


class Visibility(Protocol):
    """Tells whether other users may notice the actions of a session."""

    async def wait_written(self, session: ChatSession) -> None:
        """Wait until Redis shows whether another device makes the user invisible; raise UNAVAILABLE on a timeout."""
        ...

    async def is_visible(self, session: ChatSession) -> bool:
        """Return whether the session's user is visible: no device of the user, on any gateway, is invisible."""
        ...


class Control(Protocol):
    """Publishes control messages to all gateways; see `roomcast.gateway.sign_in.control_messages.ControlPublisher`."""

    async def publish_control(self, message: Kicked | RoomChanged | RoomCreated | Sanctioned) -> None:
        """Publish a removal from a room, a new or changed room, or a changed sanction.

        Raise UNAVAILABLE when Redis fails.
        """
        ...


class EventSender(Protocol):
    """Sends events to rooms, users and sessions; see `roomcast.gateway.chat.emitter.Emitter`."""

    async def to_room(self, room: str, event: str, data: dict[str, Any], skip: str | None = None) -> None:
        """Send to a room on every gateway. Raises UNAVAILABLE when Redis fails."""
        ...

    async def to_user(self, user: str, event: str, data: dict[str, Any]) -> None:
        """Send to all devices of a user. Raises UNAVAILABLE when Redis fails."""
        ...

    async def line_changed(self, user: str, room: str) -> None:
        """Tell the gateways of the user's devices to read a line of the user's inbox.

        Raise UNAVAILABLE when Redis fails.
        """
        ...

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        """Send to sessions of this gateway; unknown session ids are ignored."""
        ...
