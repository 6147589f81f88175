"""Create stored rooms, invite and remove users, list rooms and members, and move read marks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

import orjson

from roomcast.contract.envelope import Kicked, RoomCreated
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.messages import ReceiptRead
from roomcast.contract.events.rooms import RoomCreate, RoomInvite, RoomList, RoomMembers, RoomRemove
from roomcast.contract.events.server_events import RECEIPT, ROOM
from roomcast.contract.ids import DIRECT, other_person
from roomcast.contract.inbox import Line
from roomcast.contract.page_size import fitting
from roomcast.contract.texts import clean_name
from roomcast.gateway.chat.ports import AckFields, Control, EventSender, RoomOccupancy, Visibility
from roomcast.gateway.chat.room_access import RoomAccess
from roomcast.gateway.chat.voice import Voice, is_silenced
from roomcast.gateway.operations.daily_bytes import INVITATION_BYTES, charge
from roomcast.gateway.sign_in.session import ChatSession


class RoomRecords(Protocol):
    """Stored rooms, memberships and lists; see `roomcast.gateway.stores.rooms.RoomStore`."""

    async def take_creation(self, user: str) -> None:
        """Count a room that the user creates; raise RATE_LIMITED above the allowed rooms per day."""
        ...

    async def create_room(self, room: str, owner: str, kind: str, name: str, *, is_new: bool = True) -> bool:
        """Store a room; raise CONFLICT if it is stored already or, with `is_new`, if the id was ever used.

        Returns True if Redis had no trace of the room. Then sessions may still be in an expired room of the same id.
        """
        ...

    async def set_role(self, room: str, user: str, role: str, *, by: str) -> None:
        """Make the user a member; an owner stays the owner. Raise NOT_FOUND for a room that is not stored.

        Raise FORBIDDEN if `by` does not moderate the room. An empty `by` stands for an operator.
        """
        ...

    async def remove_member(self, room: str, user: str, *, by: str) -> int:
        """Delete a membership; return 0, or the time (ms) of an earlier removal within the last minute.

        `by` is the user, a moderator, or empty for an operator. Raises FORBIDDEN, NOT_FOUND.
        """
        ...

    async def read_name(self, room: str) -> str:
        """Return the room's display name, or its id."""
        ...

    async def add_to_list(self, user: str, room: str, name: str = "", *, by_other: bool = False) -> None:
        """Put the room on the user's list, if the list is not full."""
        ...

    async def remove_from_list(self, user: str, room: str) -> None:
        """Remove the room from the user's list."""
        ...

    async def page_list(self, user: str, after: str | None, limit: int) -> tuple[list[Line], bool]:
        """Return a page of the user's list, and whether more lines follow."""
        ...

    async def move_read_mark(self, room: str, user: str, seq: int) -> int | None:
        """Move the user's read mark forward; return the new mark, or None when it did not move."""
        ...


HiddenFrom = Callable[[str, Collection[str]], Awaitable[set[str]]]
"""`(user, others)` -> the users in `others` who block the user or are blocked by the user."""


class Directory(Protocol):
    """The directory of public rooms; see `roomcast.gateway.stores.directory.DirectoryStore`."""

    async def change(self, room: str, kind: str, old: str | None, new: str | None) -> None:
        """Rename a public room's entry from `old` to `new`. Without `old`, add an entry; without `new`, remove it."""
        ...


class KnownPeople(Protocol):
    """Tells which users exist; see `roomcast.gateway.stores.people.PeopleStore`."""

    async def is_known(self, user: str) -> bool:
        """Return whether the user has ever signed in, or a back end has set the user's profile."""
        ...


class Rooms:
    """The use cases behind `room:create`, `:invite`, `:remove`, `:list`, `:members`, and `receipt:read`."""

    def __init__(
        self,
        store: RoomRecords,
        access: RoomAccess,
        emitter: EventSender,
        occupancy: RoomOccupancy,
        visibility: Visibility,
        control: Control,
        hidden_from: HiddenFrom,
        list_stored: Callable[[ChatSession, RoomMembers], Awaitable[AckFields]],
        directory: Directory,
        people: KnownPeople,
        voice: Voice,
    ) -> None:
        """`list_stored` answers `room:members` with `stored`."""
        self._voice = voice
        self._store = store
        self._hidden_from = hidden_from
        self._access = access
        self._emitter = emitter
        self._occupancy = occupancy
        self._visibility = visibility
        self._control = control
        self._list_stored = list_stored
        self._directory = directory
        self._people = people

    async def announce_direct_room(self, session: ChatSession, room: str) -> None:
        """Put a direct room on the other user's list and tell that user's devices, once per session.

        Raises RATE_LIMITED when the daily allowance is spent. Otherwise a user could write lines to the lists of any
        number of user ids, even of ids that belong to no user.
        """
        if not room.startswith(DIRECT) or room in session.addressed:
            return
        charge(session.allowance, INVITATION_BYTES, time.monotonic())
        other, name = other_person(room, session.user), session.identity.name
        if other is not None:
            await self._store.add_to_list(other, room, name, by_other=True)
            event = {"room": room, "change": "direct", "name": name, "by": session.user}
            await self._emitter.to_user(other, ROOM, event)
        session.addressed.add(room)  # only now, so that the next send tries again after an error of Redis

    async def list_members(self, session: ChatSession, p: RoomMembers) -> AckFields:
        """Answer `room:members`: a page of the room's occupants, or of its stored members."""
        if p.stored:
            return await self._without_blocked(session, await self._list_stored(session, p))
        await self._access.require_entry(session, p.room)
        async with session.limit.reading():
            members, after = await self._occupancy.page_members(p.room, p.after, p.limit)
            session.limit.charge_page(rows=len(members))
        return {"members": members, "more": after is not None, "after": after}

    async def _without_blocked(self, session: ChatSession, answer: AckFields) -> AckFields:
        """Show members as offline if a block separates them from the user, as in `presence:query`."""
        hidden = await self._hidden_from(session.user, [row["user"] for row in answer["members"]])
        members = [row | {"status": "offline"} if row["user"] in hidden else row for row in answer["members"]]
        return answer | {"members": members}

    # --- membership ---

    async def create_room(self, session: ChatSession, p: RoomCreate) -> AckFields:
        """Answer `room:create`: store a new room with its creator as owner. Only operators may use an old id again."""
        self._access.require_creation(session, p.room, p.kind)
        if not session.identity.ops:
            await self._store.take_creation(session.user)
        name = clean_name(p.name or "")
        if await self._store.create_room(p.room, session.user, p.kind, name, is_new=not session.identity.ops):
            await self._control.publish_control(RoomCreated(p.room))
        await self._directory.change(p.room, p.kind, None, name)
        await self._store.add_to_list(session.user, p.room, name)
        return {"room": p.room, "kind": p.kind, "name": name or p.room, "role": "owner"}

    async def invite_user(self, session: ChatSession, p: RoomInvite) -> AckFields:
        """Answer `room:invite`: store the membership and tell the user's devices."""
        await self._access.require_moderator(session, p.room)
        if not await self._people.is_known(p.user):
            raise RoomcastError(Code.NOT_FOUND, "no such user")
        if not session.identity.ops and await self._hidden_from(session.user, (p.user,)):
            raise RoomcastError(Code.FORBIDDEN, "one of the two blocks the other")
        charge(session.allowance, INVITATION_BYTES, time.monotonic())
        await self._store.set_role(p.room, p.user, p.role, by=session.moderating_as)
        name = await self._store.read_name(p.room)
        await self._store.add_to_list(p.user, p.room, name, by_other=True)
        await self._emitter.to_user(
            p.user, ROOM, {"room": p.room, "change": "invited", "name": name, "role": p.role, "by": session.user}
        )
        return {"room": p.room, "user": p.user, "role": p.role}

    async def remove_user(self, session: ChatSession, p: RoomRemove) -> AckFields:
        """Answer `room:remove`: moderators remove members, a member may leave, and the owner must stay."""
        if p.user != session.user:
            await self._access.require_moderator(session, p.room)
        removed_at = await self._store.remove_member(p.room, p.user, by=session.moderating_as)
        await self._store.remove_from_list(p.user, p.room)
        # Publish also for a repeated call: the first call may have failed between the removal and this message.
        # With `before`, sessions stay that joined after the removal, by a room pattern in their token.
        await self._control.publish_control(Kicked(p.room, p.user, before=removed_at))
        if removed_at:
            raise RoomcastError(Code.NOT_FOUND, "no such member")
        return {"room": p.room, "user": p.user}

    # --- lists and read marks ---

    async def list_rooms(self, session: ChatSession, p: RoomList) -> AckFields:
        """Answer `room:list`: a page of the user's rooms, by id; `after` asks for the next page.

        The answer leaves out rooms that the user may no longer enter. A room of which Redis stores nothing any more is
        also removed from the list. A room that the user is banned from stays listed, without its messages and counts.
        """
        async with session.limit.reading():
            read, more = await self._store.page_list(session.user, p.after, p.limit)
            session.limit.charge_page(rows=len(read), size=sum(map(_size_of, read)))
        lines = fitting(read, _size_of)
        more = more or len(lines) < len(read)
        kept = [line for line in lines if self._access.may_see(session, line._replace(is_banned=False))]
        for line in lines:
            if line.is_gone and line not in kept:
                await self._store.remove_from_list(session.user, line.room)
        rooms = [_listed(line, is_open=self._access.may_see(session, line)) for line in kept]
        return {"rooms": rooms, "more": more, "after": lines[-1].room if more else None}

    async def mark_read(self, session: ChatSession, p: ReceiptRead) -> AckFields:
        """Answer `receipt:read`: move the read mark, and tell the room unless the user is invisible or muted.

        A muted user could otherwise cause as many packets by read marks as by messages.
        """
        await self._access.require_entry(session, p.room)
        mark = await self._store.move_read_mark(p.room, session.user, p.seq)
        if mark is None:
            return {}
        await self._emitter.line_changed(session.user, p.room)
        if await self._visibility.is_visible(session) and not await is_silenced(self._voice, session, p.room):
            await self._emitter.to_room(p.room, RECEIPT, {"room": p.room, "user": session.user, "seq": mark})
        return {}


def _size_of(line: Line) -> int:
    return len(line.entry or b"")


def _listed(line: Line, *, is_open: bool) -> dict[str, Any]:
    """Return a line of `room:list`. The line of a room that the user may not enter now has no message and no counts."""
    return {
        "room": line.room,
        "name": line.name,
        "seq": line.seq if is_open else 0,
        "unread": line.unread if is_open else 0,
        "last": orjson.Fragment(line.entry) if line.entry and is_open else None,
    }
