"""The ports of presence to the rest of the gateway. Tests implement these with small fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, Protocol

from roomcast.contract.envelope import OccupancyChange
from roomcast.gateway.presence.activity import Batch
from roomcast.gateway.stores.nodes import Hold
from roomcast.gateway.stores.occupancy import JoinResult, OccupancyUpdate, OccupantsPage
from roomcast.gateway.stores.presence import Shown, WriteResult


class StartTask(Protocol):
    """Run a coroutine that outlives its caller, and log its failure."""

    def __call__(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]: ...


class Sender(Protocol):
    """Send events to rooms and sessions; see `roomcast.gateway.chat.emitter.Emitter`."""

    async def to_room(self, room: str, event: str, data: dict[str, Any], skip: str | None = None) -> None: ...

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None: ...

    def to_local_room(self, room: str, event: str, data: dict[str, Any]) -> None: ...


class OccupancyPort(Protocol):
    """See `roomcast.gateway.stores.occupancy.OccupancyStore`."""

    def enter_room(
        self, room: str, user: str, name: str = "", status: str = "online", *, users: int = ...
    ) -> Awaitable[JoinResult]: ...

    def read_room(self, room: str, user: str, *, users: int = ...) -> Awaitable[JoinResult]: ...

    async def leave_room(self, room: str, user: str) -> OccupancyUpdate: ...

    def refresh_rooms(
        self, rooms: Sequence[str], local_users: Callable[[str], list[str]]
    ) -> AsyncIterator[tuple[str, OccupancyUpdate]]: ...

    async def publish_change(self, room: str, note: OccupancyChange) -> None: ...

    async def sample_users(self, room: str, limit: int) -> list[str]: ...

    async def page_users(self, room: str, after: str | None, limit: int = ...) -> OccupantsPage: ...


class PresencePort(Protocol):
    """See `roomcast.gateway.stores.presence.PresenceStore`."""

    async def write_batch(self, batch: Batch) -> WriteResult: ...

    async def query_users(self, users: Collection[str]) -> dict[str, Shown]: ...


class NodePort(Protocol):
    """See `roomcast.gateway.stores.nodes.NodeStore`."""

    async def announce(self) -> Hold: ...

    async def retire(self) -> None: ...


class UserNames(Protocol):
    """Display names and read marks; see `roomcast.gateway.stores.rooms.RoomStore`."""

    async def names(self, users: list[str]) -> dict[str, str]: ...

    def note_name(self, user: str, name: str) -> None: ...

    def read_marks(self, room: str, users: list[str]) -> Awaitable[dict[str, int]]: ...


class Ticks(Protocol):
    """Whole seconds that the loops of a process share; see `roomcast.adapter.ticker.Ticker`."""

    def due(self, count: int = 1) -> float: ...
