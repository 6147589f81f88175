"""Fakes at the ports of the presence code: Redis as dictionaries, and a sender that records events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any

from roomcast.contract.envelope import OccupancyChange
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.presence import Device
from roomcast.contract.presence import Presence as Shown
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.presence.activity import Batch
from roomcast.gateway.sign_in.event_limit import EventLimit
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.nodes import Hold, Holder
from roomcast.gateway.stores.occupancy import JoinResult, OccupancyUpdate, OccupantsPage
from roomcast.gateway.stores.presence import Followed, WriteResult


def session_of(user: str, sid: str = "") -> ChatSession:
    """Return a signed-in session. Without `sid`, the session id is `s-` followed by the user id."""
    identity = Identity(user=user, name=user.title(), rooms=(), ops=False, token_id="", issued=0, expires=2e9)
    bucket = TokenBucket(1_000, 1_000, 0.0)
    return ChatSession(sid or f"s-{user}", f"e-{user}", identity, EventLimit(bucket, bucket))


class Sender:
    """A sender that records every event as `(target, event, data)`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    async def to_room(self, room: str, event: str, data: dict[str, Any], skip: str | None = None) -> None:
        self.sent.append((f"{room} but {skip}", event, data))

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        self.sent.append((",".join(sids), event, data))

    def to_local_room(self, room: str, event: str, data: dict[str, Any]) -> None:
        self.sent.append((room, event, data))

    def take(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return the events sent since the last call."""
        sent, self.sent = self.sent, []
        return sent


class Presence:
    """Presence in Redis. It records each write, and returns prepared statuses."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.statuses: dict[str, Any] = {}
        """user -> the status that `query_users` returns; `online` for all other users"""
        self.hidden: set[str] = set()
        self.choices: dict[str, tuple[Any, ...]] = {}
        """user -> the status and note that the user chose, for connections without a status"""
        self.is_away = False
        self.failures = 0
        """The number of calls that failed because `is_away` was set."""
        self.queries: list[list[str]] = []

    async def write_batch(self, batch: Batch) -> WriteResult:
        self._require_redis()
        self.batches.append(batch)
        followed = [
            Followed(row.connection, *self.choices.get(row.user, ("online", "")))
            for row in batch.full
            if row.status is None
        ]
        hidden = [row.user for row in batch.full if row.user in self.hidden]
        return WriteResult([], hidden, followed)

    async def query_users(self, users: Collection[str], *, devices: bool = False) -> dict[str, Shown]:
        self._require_redis()
        self.queries.append(sorted(users))
        found = (Device("web", "online"),) if devices else ()
        return {user: Shown(self.statuses.get(user, "online"), 7, "", 0, found) for user in users}

    def _require_redis(self) -> None:
        if self.is_away:
            self.failures += 1
            raise RoomcastError(Code.UNAVAILABLE)


class Node:
    """The lease on the node number of this gateway."""

    def __init__(self) -> None:
        self.hold = Hold(is_new=False, holder=None)
        self.announced = 0
        self.is_retired = False

    async def announce(self) -> Hold:
        self.announced += 1
        return self.hold

    async def retire(self) -> None:
        self.is_retired = True

    def lose(self) -> None:
        self.hold = Hold(is_new=False, holder=Holder("other", "elsewhere/1/1", 15_000))


class Occupancy:
    """The occupants of rooms in Redis. `rooms` has the users of this gateway, `others` the users of other gateways."""

    def __init__(self) -> None:
        self.rooms: dict[str, dict[str, str]] = {}
        """room -> user -> the status with which the user entered"""
        self.others: dict[str, list[str]] = {}
        self.reads: list[str] = []
        self.published: list[tuple[str, OccupancyChange]] = []
        self.lost: list[str] = []
        """The users whose entry a refresh does not find in Redis."""

    def _users(self, room: str) -> list[str]:
        return sorted({*self.rooms.get(room, ()), *self.others.get(room, ())})

    async def _joined(self, room: str, users: int) -> JoinResult:
        names = self._users(room)
        return JoinResult(len(names), names if len(names) <= users else [], {})

    def enter_room(
        self, room: str, user: str, name: str = "", status: str = "online", *, users: int = 100
    ) -> Awaitable[JoinResult]:
        self.rooms.setdefault(room, {})[user] = status
        return self._joined(room, users)

    def read_room(self, room: str, user: str, *, users: int = 100) -> Awaitable[JoinResult]:
        self.reads.append(room)
        return self._joined(room, users)

    async def leave_room(self, room: str, user: str) -> OccupancyUpdate:
        self.rooms.get(room, {}).pop(user, None)
        return OccupancyUpdate(len(self._users(room)), [], [user], [])

    async def refresh_rooms(
        self, rooms: Sequence[str], local_users: Callable[[str], list[str]]
    ) -> AsyncIterator[tuple[str, OccupancyUpdate]]:
        for room in rooms:
            appeared = [user for user in local_users(room) if user in self.lost]
            yield room, OccupancyUpdate(len(self._users(room)), appeared, [], self._users(room))

    async def publish_change(self, room: str, change: OccupancyChange) -> None:
        self.published.append((room, change))

    async def sample_users(self, room: str, limit: int) -> list[str]:
        return self._users(room)[:limit]

    async def page_users(self, room: str, after: str | None, limit: int = 100) -> OccupantsPage:
        return OccupantsPage(self._users(room)[:limit], None)


class Names:
    """Display names: the id with a capital letter."""

    def __init__(self) -> None:
        self.noted: dict[str, str] = {}

    async def names(self, users: list[str]) -> dict[str, str]:
        return {user: user.title() for user in users}

    def note_name(self, user: str, name: str) -> None:
        self.noted[user] = name

    async def read_marks(self, room: str, users: list[str]) -> dict[str, int]:
        return dict.fromkeys(users, 3)


class Ticks:
    """A ticker with a tick every `seconds`."""

    def __init__(self, seconds: float = 0.01) -> None:
        self._seconds = seconds

    def due(self, count: int = 1) -> float:
        return asyncio.get_running_loop().time() + self._seconds * count


def start_task(work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(work, name=name)
