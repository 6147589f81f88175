"""Describe, transfer, close and quit stored rooms, and list their stored members.

    room:update --RoomChanged--> channel `control` --> RoomChanges of each gateway --`room` updated--> local members

Each gateway then reads the change from Redis. It never forwards the content of the control message, because any back
end may publish such a message.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

import orjson

from roomcast.contract.envelope import Kicked, RoomChanged, Sanctioned
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.rooms import (
    RoomClose,
    RoomDirectory,
    RoomInfo,
    RoomMembers,
    RoomQuit,
    RoomTransfer,
    RoomUpdate,
)
from roomcast.contract.events.server_events import ROOM
from roomcast.contract.ids import DIRECT
from roomcast.contract.room_info import RoomDescription
from roomcast.gateway.chat.ports import AckFields, Control
from roomcast.gateway.chat.room_access import RoomAccess
from roomcast.gateway.operations.daily_bytes import INVITATION_BYTES, charge
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.directory import ListedRoom
from roomcast.wire.tasks import StartTask


class AdminRecords(Protocol):
    """Stored rooms; see `roomcast.gateway.stores.room_admin.RoomAdminStore`."""

    async def describe(self, room: str) -> RoomDescription:
        """Return the description of a stored room; raise NOT_FOUND."""
        ...

    async def update(
        self, room: str, name: str | None, topic: str | None, data: dict[str, Any] | None, *, by: str
    ) -> None:
        """Change the fields that are not None; raise NOT_FOUND, FORBIDDEN, BAD_REQUEST or TOO_LARGE.

        FORBIDDEN: `by` does not moderate the room. An empty `by` stands for an operator.
        """
        ...

    async def transfer(self, room: str, user: str, by: str) -> None:
        """Make a member the owner; raise FORBIDDEN unless `by` is the owner or empty, NOT_FOUND for a non-member."""
        ...

    async def close(self, room: str, by: str) -> list[str]:
        """Delete the room, and return its members; raise FORBIDDEN unless `by` is the owner or empty."""
        ...

    async def clear_lists(self, room: str, users: list[str]) -> None:
        """Remove a closed room from the lists of its members."""
        ...

    async def read_role(self, room: str, user: str) -> str | None:
        """Return the stored role of a user, or None."""
        ...

    async def record_kick(self, room: str, user: str) -> None:
        """Record that a user without a stored role has to leave the room now."""
        ...

    async def page_members(self, room: str, after: str | None, limit: int) -> tuple[list[tuple[str, str]], str | None]:
        """Return a page of the stored members with their roles, and the `after` of the next page."""
        ...


class Memberships(Protocol):
    """Memberships and lists; see `roomcast.gateway.stores.rooms.RoomStore`."""

    async def remove_member(self, room: str, user: str, *, by: str) -> int:
        """Delete a membership; raise FORBIDDEN for the owner, and NOT_FOUND for a user who is not a member."""
        ...

    async def remove_from_list(self, user: str, room: str) -> None:
        """Remove the room from the user's list."""
        ...


class Lists(Protocol):
    """The rooms on users' lists; see `roomcast.gateway.stores.inbox.InboxStore`."""

    async def find_listed(self, pairs: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Return the `(user, room)` pairs whose room is on the user's list."""
        ...


class PublicRooms(Protocol):
    """The directory of public rooms; see `roomcast.gateway.stores.directory.DirectoryStore`."""

    async def change(self, room: str, kind: str, old: str | None, new: str | None) -> None:
        """Rename a public room's entry from `old` to `new`. Without `old`, add an entry; without `new`, remove it."""
        ...

    async def page(self, query: str, after: str | None, limit: int) -> tuple[list[ListedRoom], str | None]:
        """Return public rooms by name, and the `after` of the next page."""
        ...


class People(Protocol):
    """Names and statuses; see `roomcast.gateway.presence.occupancy.OccupancyService`."""

    async def describe_users(self, users: list[str]) -> list[dict[str, Any]]:
        """Return `{user, name, status}` of each user, including offline users."""
        ...


class RoomAdmin:
    """The use cases behind `room:info`, `:update`, `:transfer`, `:close`, `:quit`, and stored `room:members`."""

    def __init__(
        self,
        store: AdminRecords,
        memberships: Memberships,
        lists: Lists,
        access: RoomAccess,
        people: People,
        directory: PublicRooms,
        control: Control,
        start_task: StartTask,
    ) -> None:
        self._store = store
        self._memberships = memberships
        self._lists = lists
        self._access = access
        self._people = people
        self._directory = directory
        self._control = control
        self._start_task = start_task

    async def read_info(self, session: ChatSession, p: RoomInfo) -> AckFields:
        """Answer `room:info` to users who may enter the room; `role` is the role of the user who asks."""
        await self._access.require_entry(session, p.room)
        found = await self._store.describe(p.room)
        role = await self._store.read_role(p.room, session.user)
        return {"room": p.room, "kind": found.kind, **found.public(), "owner": found.owner, "role": role}

    async def list_public(self, session: ChatSession, p: RoomDirectory) -> AckFields:
        """Answer `room:directory`: a page of the public rooms, by name."""
        async with session.limit.reading():
            rows, after = await self._directory.page(p.query, p.after, p.limit)
            rooms = [
                {"room": row.description.room, **row.description.public(), "occupancy": row.occupancy} for row in rows
            ]
            session.limit.charge_answer(rooms, rows=len(rooms))
        return {"rooms": rooms, "more": after is not None, "after": after}

    async def list_members(self, session: ChatSession, p: RoomMembers) -> AckFields:
        """Answer `room:members` with `stored`: a page of the stored members, whether present or not."""
        await self._access.require_entry(session, p.room)
        async with session.limit.reading():
            page, after = await self._store.page_members(p.room, p.after, p.limit)
            roles = dict(page)
            rows = await self._people.describe_users(list(roles))
            session.limit.charge_page(rows=len(rows))
        members = [{**row, "role": roles[row["user"]]} for row in rows]
        return {"members": members, "more": after is not None, "after": after}

    async def update(self, session: ChatSession, p: RoomUpdate) -> AckFields:
        """Answer `room:update`: moderators rename and describe a room, and its members get an event."""
        await self._access.require_moderator(session, p.room)
        charge(session.allowance, INVITATION_BYTES + len(orjson.dumps(p.data)), time.monotonic())
        before = await self._store.describe(p.room)
        await self._store.update(p.room, p.name, p.topic, p.data, by=session.moderating_as)
        after = await self._store.describe(p.room)
        if after.name != before.name:
            await self._directory.change(p.room, after.kind, before.name, after.name)
        await self._control.publish_control(RoomChanged(p.room, session.user))
        return {"room": p.room, **after.public()}

    async def transfer(self, session: ChatSession, p: RoomTransfer) -> AckFields:
        """Answer `room:transfer`: the owner makes another member the owner, and becomes an admin."""
        await self._access.require_moderator(session, p.room)
        await self._store.transfer(p.room, p.user, session.moderating_as)
        await self._control.publish_control(RoomChanged(p.room, session.user, p.user))
        return {"room": p.room, "owner": p.user}

    async def close(self, session: ChatSession, p: RoomClose) -> AckFields:
        """Answer `room:close`: the owner or an operator closes the room, and all sessions leave it."""
        await self._access.require_moderator(session, p.room)
        if p.room.startswith(DIRECT):
            raise RoomcastError(Code.FORBIDDEN, "a direct room cannot be closed")
        before = await self._store.describe(p.room)
        members = await self._store.close(p.room, session.moderating_as)
        await self._control.publish_control(Kicked(p.room, closed=True))
        await self._control.publish_control(Sanctioned(p.room))  # closing also deleted the room's sanctions
        await self._directory.change(p.room, before.kind, before.name, None)
        self._start_task(self._store.clear_lists(p.room, members), "lists of a closed room")
        return {"room": p.room}

    async def quit(self, session: ChatSession, p: RoomQuit) -> AckFields:
        """Answer `room:quit`: leave on all devices, delete the membership, and remove the room from the user's list.

        An owner must transfer the room first. For a room that the user neither joined nor has on the list, no kick is
        recorded. Otherwise every room id in a client's request would occupy Redis for a day.
        """
        await self._access.require_entry(session, p.room)
        if await self._store.read_role(p.room, session.user) is not None:
            await self._memberships.remove_member(p.room, session.user, by=session.user)
        elif p.room in session.rooms or await self._lists.find_listed([(session.user, p.room)]):
            charge(session.allowance, INVITATION_BYTES, time.monotonic())
            await self._store.record_kick(p.room, session.user)
        else:
            return {"room": p.room}
        await self._control.publish_control(Kicked(p.room, session.user))
        await self._memberships.remove_from_list(session.user, p.room)
        return {"room": p.room}


class LocalRooms(Protocol):
    """The members of rooms on this gateway; see `roomcast.gateway.chat.emitter.Emitter`."""

    def to_local_room(self, room: str, event: str, data: dict[str, Any]) -> None:
        """Send to the members of a room on this gateway only."""
        ...


class RoomChanges:
    """Tells the local members what changed about a stored room.

    `sessions_in` returns the sessions of this gateway that are in a room.
    """

    def __init__(
        self,
        store: AdminRecords,
        sessions_in: Callable[[str], Sequence[ChatSession]],
        rooms: LocalRooms,
        start_task: StartTask,
    ) -> None:
        self._store = store
        self._sessions_in = sessions_in
        self._rooms = rooms
        self._start_task = start_task

    def receive(self, message: RoomChanged) -> None:
        """Handle a control message, if a session here is in the room."""
        if self._sessions_in(message.room):
            self._start_task(self._tell(message), "room changed")

    async def _tell(self, message: RoomChanged) -> None:
        by = {"by": message.by} if message.by else {}
        if message.user:
            role = await self._store.read_role(message.room, message.user)
            change: dict[str, Any] = {"change": "role", "user": message.user, "role": role}
        else:
            change = {"change": "updated", **(await self._store.describe(message.room)).public()}
        self._rooms.to_local_room(message.room, ROOM, {"room": message.room, **change, **by})
