"""The interfaces through which presence uses the rest of the gateway. Tests implement them with fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from typing import Any, Protocol

from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.presence import Presence
from roomcast.gateway.presence.activity import Batch
from roomcast.gateway.stores.nodes import Hold
from roomcast.gateway.stores.occupancy import JoinResult, OccupancyUpdate, OccupantsPage
from roomcast.gateway.stores.presence import WriteResult


class Sender(Protocol):
    """Sends events to rooms and sessions; see `roomcast.gateway.chat.emitter.Emitter`."""

    async def to_room(self, room: str, event: str, data: dict[str, Any], skip: str | None = None) -> None:
        """Emit an event to a room, on every gateway."""
        ...

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        """Emit an event to sessions of this gateway."""
        ...

    def to_local_room(self, room: str, event: str, data: dict[str, Any]) -> None:
        """Emit an event to the members of a room on this gateway."""
        ...


class OccupancyPort(Protocol):
    """See `roomcast.gateway.stores.occupancy.OccupancyStore`."""

    def enter_room(
        self, room: str, user: str, name: str = "", status: str = "online", *, users: int = ...
    ) -> Awaitable[JoinResult]:
        """Enter a user into a room's occupancy."""
        ...

    def read_room(self, room: str, user: str, *, users: int = ...) -> Awaitable[JoinResult]:
        """Read a room's occupancy without entering the user."""
        ...

    async def leave_room(self, room: str, user: str) -> OccupancyUpdate:
        """Remove a user from a room's occupancy."""
        ...

    def refresh_rooms(
        self, rooms: Sequence[str], local_users: Callable[[str], list[str]]
    ) -> AsyncIterator[tuple[str, OccupancyUpdate]]:
        """Refresh this gateway's users in each room, and yield the changes of each room."""
        ...

    async def publish_change(self, room: str, change: OccupancyChange) -> None:
        """Tell the other gateways of a change of occupancy."""
        ...

    async def sample_users(self, room: str, limit: int) -> list[str]:
        """Return some users of a room."""
        ...

    async def page_users(self, room: str, after: str | None, limit: int = ...) -> OccupantsPage:
        """Return a page of the users in a room."""
        ...


class PresencePort(Protocol):
    """See `roomcast.gateway.stores.presence.PresenceStore`."""

    async def write_batch(self, batch: Batch) -> WriteResult:
        """Write signs of life and statuses."""
        ...

    async def query_users(self, users: Collection[str], *, devices: bool = False) -> dict[str, Presence]:
        """Return users' presence as other users see it."""
        ...


class NodePort(Protocol):
    """See `roomcast.gateway.stores.nodes.NodeStore`."""

    async def announce(self) -> Hold:
        """Claim this gateway's node number, or renew its lease."""
        ...

    async def retire(self) -> None:
        """Give back the node number."""
        ...


class RoomUsers(Protocol):
    """The part of the room store that presence uses; see `roomcast.gateway.stores.rooms.RoomStore`."""

    async def names(self, users: list[str]) -> dict[str, str]:
        """Return the display names of users."""
        ...

    def note_name(self, user: str, name: str) -> None:
        """Cache a display name."""
        ...

    def read_marks(self, room: str, users: list[str]) -> Awaitable[dict[str, int]]:
        """Return users' read marks in a room."""
        ...


class Ticks(Protocol):
    """The once-a-second ticks that the loops of a process share; see `roomcast.adapter.ticker.Ticker`."""

    def due(self, count: int = 1) -> float:
        """Return the event loop's time of the `count`th tick from now; 1 is the next tick."""
        ...
