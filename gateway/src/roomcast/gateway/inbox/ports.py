"""The interfaces through which the inbox uses other parts of the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from roomcast.contract.inbox import Line
from roomcast.gateway.sign_in.session import ChatSession


class InboxReads(Protocol):
    """Lines of inboxes; see `roomcast.gateway.stores.inbox.InboxStore`."""

    async def read_list(self, user: str) -> dict[str, str]:
        """Return the rooms on a user's list, with the names that the list has for them."""
        ...

    async def read_lists(self, users: Sequence[str]) -> list[dict[str, str]]:
        """Return the result of `read_list` for each of several users."""
        ...

    async def find_listed(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return the `(user, room)` pairs whose room is on the user's list."""
        ...

    async def read_lines(self, rooms: Mapping[str, Sequence[str]], *, with_last: bool) -> list[Line]:
        """Return the line of each room for each of its users."""
        ...

    async def add_entries(self, lines: Sequence[Line]) -> list[Line]:
        """Return the lines with their newest text or media."""
        ...

    async def read_states(self, rooms: Sequence[str]) -> list[int]:
        """Return the state of each room, as `followed_rooms.state_of` does."""
        ...

    async def read_seqs(self, rooms: Sequence[str]) -> list[int]:
        """Return the newest `seq` of each room."""
        ...


class RoomLists(Protocol):
    """Room lists and display names; see `roomcast.gateway.stores.rooms.RoomStore`."""

    async def remove_from_list(self, user: str, room: str) -> None:
        """Remove a room from a user's list."""
        ...

    async def names(self, users: list[str]) -> dict[str, str]:
        """Return display names; the name of an unknown user is the id."""
        ...


class LineAccess(Protocol):
    """The right to see a room; see `roomcast.gateway.chat.room_access.RoomAccess`."""

    def may_see(self, session: ChatSession, line: Line) -> bool:
        """Return whether the session may enter the room of the line."""
        ...


class Channels(Protocol):
    """Subscriptions; see `roomcast.adapter.manager.RedisAdapter`."""

    def subscribe(
        self, channel: str, handler: Callable[[bytes], None], unsealed: Callable[[bytes], bool]
    ) -> asyncio.Future[None]:
        """Call `handler` with each published message; the future is done once Redis has confirmed.

        In a cluster with a key, `unsealed` returns whether to accept a message without a seal.
        """
        ...

    def unsubscribe(self, channel: str) -> None:
        """Stop receiving the messages of a channel."""
        ...


class Devices(Protocol):
    """Users' devices here; see `roomcast.gateway.chat.emitter.Emitter`."""

    def to_sessions(self, sids: list[str], event: str, data: dict[str, Any]) -> None:
        """Send to sessions of this gateway."""
        ...

    def subscribed(self, user: str) -> asyncio.Future[None] | None:
        """Return a future that is done once Redis has confirmed the user's channel; None if no device is here."""
        ...
