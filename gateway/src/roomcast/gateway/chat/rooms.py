"""Rooms: who may enter, joining with recovery, membership, a person's list, read receipts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

import orjson

from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.redis_connection import RedisConnectionError
from roomcast.contract.envelope import Kicked
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import (
    RECEIPT,
    ROOM,
    ReceiptRead,
    RoomCreate,
    RoomInvite,
    RoomJoin,
    RoomLeave,
    RoomList,
    RoomMembers,
    RoomRemove,
    Since,
)
from roomcast.contract.ids import DIRECT, Access, access, other_person
from roomcast.gateway.chat.emitter import NAMESPACE, Emitter
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.log import History, LogStore
from roomcast.gateway.stores.rooms import RoomStore

AckFields = dict[str, Any]
_SUBSCRIBE_SECONDS: Final = 2.0
_MAX_ADMISSION_TRIES: Final = 20
_MODERATORS: Final = ("owner", "admin")


class RoomSnapshot(NamedTuple):
    """Who is in a room now: how many people in all, some of them as `{user, name, status}`, and what they have read."""

    occupancy: int
    members: list[dict[str, Any]]
    marks: dict[str, int]


class RoomOccupancy(Protocol):
    """Know which users are in which room, across gateways."""

    def enter_room(self, session: ChatSession, room: str) -> Awaitable[RoomSnapshot]:
        """Add a session to a room; return at most 100 members, the session's user first.

        Sends the command now; await the reply in any case. Wait for `Visibility.wait_written` before.
        """
        ...

    async def leave_room(self, session: ChatSession, room: str) -> None:
        """Remove a session from a room, also one whose join failed. Idempotent."""
        ...

    async def page_members(self, room: str, after: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Return a page of the room's members, and the `after` of the next one (None: there is none)."""
        ...


class Visibility(Protocol):
    """Know whether others may notice what a session does."""

    async def wait_written(self, session: ChatSession) -> None:
        """Wait until it is known whether another device hides the user; raises UNAVAILABLE."""
        ...

    async def is_visible(self, session: ChatSession) -> bool:
        """Return whether no device of the session's user, on any gateway, is invisible."""
        ...


class Control(Protocol):
    """Wakes all gateways."""

    async def tell(self, message: Kicked) -> None: ...


class Rooms:
    """The use cases behind `room:*` and `receipt:read`."""

    def __init__(
        self,
        adapter: RedisAdapter,
        log: LogStore,
        store: RoomStore,
        outbox: Emitter,
        occupancy: RoomOccupancy,
        visibility: Visibility,
        control: Control,
        *,
        max_rooms: int,
    ) -> None:
        self._adapter = adapter
        self._log = log
        self._store = store
        self._outbox = outbox
        self._occupancy = occupancy
        self._visibility = visibility
        self._control = control
        self._max_rooms = max_rooms

    # --- who may ---

    async def require(self, session: ChatSession, room: str) -> None:
        """Raises FORBIDDEN, the same whether the room exists or not."""
        if room not in session.rooms and not await self.may_enter(session, room):
            raise RoomcastError(Code.FORBIDDEN)

    async def may_enter(self, session: ChatSession, room: str) -> bool:
        verdict = access(room, session.user)
        if verdict is Access.STORED:
            return session.identity.matches(room) or await self._store.role(room, session.user) is not None
        return verdict is Access.OPEN

    async def is_moderator(self, session: ChatSession, room: str) -> bool:
        return session.identity.ops or await self._store.role(room, session.user) in _MODERATORS

    async def address(self, session: ChatSession, room: str) -> None:
        """Put a direct room on the other person's list and tell their devices, once per session."""
        if not room.startswith(DIRECT) or room in session.addressed:
            return
        session.addressed.add(room)
        other = other_person(room, session.user)
        if other is None:
            return
        name = session.identity.name
        await self._store.list_room(other, room, name)
        await self._outbox.to_user(other, ROOM, {"room": room, "change": "direct", "name": name, "by": session.user})

    # --- joining ---

    async def join(self, session: ChatSession, p: RoomJoin) -> AckFields:
        """Subscribe, read the log, then merge by seq: nothing falls between, and nothing comes twice."""
        if len({*session.rooms, *session.joining, p.room}) > self._max_rooms:
            raise RoomcastError(Code.TOO_MANY_ROOMS, f"a connection joins at most {self._max_rooms} rooms")
        session.joining.add(p.room)
        try:
            await self.require(session, p.room)
            page, after, people = await self._enter(session, p)
        finally:
            session.joining.discard(p.room)
        messages = [orjson.Fragment(entry) for entry in page.entries]
        return {
            "room": p.room,
            "epoch": page.epoch,
            "seq": page.seq,
            "recovered": after is not None,
            "messages": messages,
            "more": is_more(page, after),
            "occupancy": people.occupancy,
            "members": people.members,
            "read": people.marks,
        }

    async def _enter(self, session: ChatSession, p: RoomJoin) -> tuple[History, int | None, RoomSnapshot]:
        """The page for the ack, the seq after which it goes on where that was recovered, and who is there."""
        channel = self._adapter.pin(p.room)
        try:
            await self._visibility.wait_written(session)
            await self._heard(channel.subscribed)  # asked for with the pin; the log is read after it
            page, after, people = await self._look(session, p)
            page, after = await self._admit(session, p, page, after)
        except BaseException:
            if p.room not in session.rooms:
                await self._occupancy.leave_room(session, p.room)
            raise
        finally:
            self._adapter.unpin(p.room)
        await self._settle(session, p.room)
        return page, after, people

    async def _look(self, session: ChatSession, p: RoomJoin) -> tuple[History, int | None, RoomSnapshot]:
        """All that the ack tells, asked for in one go."""
        listing = self._list(session, p.room)
        try:
            entering = self._occupancy.enter_room(session, p.room)
            try:
                page, after = await self._recover(p.room, p.since, p.limit)
            finally:
                people = await entering
        finally:
            if listing is not None:
                with suppress(RoomcastError):
                    await listing
        return page, after, people

    def _list(self, session: ChatSession, room: str) -> Awaitable[None] | None:
        """Put a room that is joined on the person's list; that it fails is no reason to stay out."""
        if room not in session.rooms:
            with suppress(RoomcastError):
                return self._store.joins(session.user, session.identity.name, room)
        return None

    async def _settle(self, session: ChatSession, room: str) -> None:
        """Whoever left or was removed while the join was under way is not in the room after it."""
        is_wanted = room in session.rooms or room in session.joining
        session.rooms.add(room)
        if not is_wanted:
            await self.take_out(session, room)
            await self.require(session, room)
            raise RoomcastError(Code.CONFLICT, "the room was left meanwhile")

    async def _heard(self, subscribed: asyncio.Future[None]) -> None:
        if subscribed.done() and subscribed.exception() is None:
            return
        try:
            async with asyncio.timeout(_SUBSCRIBE_SECONDS):
                await asyncio.shield(subscribed)
        except (TimeoutError, RedisConnectionError) as error:
            raise RoomcastError(Code.UNAVAILABLE, "the room's channel is not confirmed") from error

    async def _admit(
        self, session: ChatSession, p: RoomJoin, page: History, after: int | None
    ) -> tuple[History, int | None]:
        """Read again until the log is not behind what this gateway has delivered; the last step does not await."""
        for _ in range(_MAX_ADMISSION_TRIES):
            if session.is_closed:
                raise RoomcastError(Code.CONFLICT, "the connection has ended")
            if self._adapter.admit(NAMESPACE, session.sid, p.room, page.epoch.encode(), page.seq):
                return page, after
            page, after = await self._recover(p.room, p.since, p.limit)
        raise RoomcastError(Code.UNAVAILABLE, "the room moves faster than its log is read")

    async def _recover(self, room: str, since: Since | None, limit: int) -> tuple[History, int | None]:
        if since is not None and isinstance(since.seq, int) and 0 <= since.seq < 2**53:
            page = await self._log.after(room, since.seq, limit)
            if is_recoverable(page, since.seq, since.epoch):
                return page, since.seq
        return await self._log.before(room, 0, limit), None

    async def leave(self, session: ChatSession, p: RoomLeave) -> AckFields:
        await self.take_out(session, p.room)
        return {}

    async def take_out(self, session: ChatSession, room: str) -> None:
        """The session hears the room no more, and a join under way comes to nothing; else nothing happens."""
        session.joining.discard(room)
        if room in session.rooms:
            session.rooms.discard(room)
            await self._adapter.leave_room(session.sid, NAMESPACE, room)
            await self._occupancy.leave_room(session, room)

    async def recheck(self, session: ChatSession) -> None:
        """Leave the rooms that the session may not enter any more: its token is another, or a removal went unheard."""
        for room in list(session.rooms):
            if not await self.may_enter(session, room):
                await self.take_out(session, room)
                self._outbox.to_sessions([session.sid], ROOM, {"room": room, "change": "removed"})

    async def members(self, session: ChatSession, p: RoomMembers) -> AckFields:
        await self.require(session, p.room)
        members, after = await self._occupancy.page_members(p.room, p.after, p.limit)
        return {"members": members, "more": after is not None, "after": after}

    # --- membership ---

    async def create(self, session: ChatSession, p: RoomCreate) -> AckFields:
        if p.room.startswith("dm:") or (p.room.startswith("public:") and p.kind != "public"):
            raise RoomcastError(Code.FORBIDDEN, "this id is reserved")
        is_outsider = not await self.may_enter(session, p.room)
        await self._store.create(p.room, session.user, p.kind, p.name or "", is_outsider=is_outsider)
        await self._store.list_room(session.user, p.room, p.name or "")
        return {"room": p.room, "kind": p.kind, "name": p.name or p.room, "role": "owner"}

    async def invite(self, session: ChatSession, p: RoomInvite) -> AckFields:
        await self._require_moderator(session, p.room)
        await self._store.set_role(p.room, p.user, p.role)
        name = await self._store.name(p.room)
        await self._store.list_room(p.user, p.room, name)
        await self._outbox.to_user(
            p.user, ROOM, {"room": p.room, "change": "invited", "name": name, "role": p.role, "by": session.user}
        )
        return {"room": p.room, "user": p.user, "role": p.role}

    async def remove(self, session: ChatSession, p: RoomRemove) -> AckFields:
        if p.user != session.user:
            await self._require_moderator(session, p.room)
        role = await self._store.role(p.room, p.user)
        if role == "owner":
            raise RoomcastError(Code.FORBIDDEN, "the owner stays")
        if role is None or not await self._store.remove(p.room, p.user):
            raise RoomcastError(Code.NOT_FOUND, "no such member")
        await self._store.unlist_room(p.user, p.room)
        await self._control.tell(Kicked(p.room, p.user))
        return {"room": p.room, "user": p.user}

    async def _require_moderator(self, session: ChatSession, room: str) -> None:
        if access(room, session.user) is not Access.STORED or not await self.is_moderator(session, room):
            raise RoomcastError(Code.FORBIDDEN)

    # --- lists and receipts ---

    async def list(self, session: ChatSession, p: RoomList) -> AckFields:
        """A page of the person's rooms, by id; `after` asks for the next one."""
        rows, more = await self._store.rooms(session.user, p.after, p.limit)
        rooms = [
            {
                "room": row.room,
                "name": row.name,
                "seq": row.seq,
                "unread": max(0, row.seq - row.read),
                "last": orjson.Fragment(row.last) if row.last else None,
            }
            for row in rows
        ]
        return {"rooms": rooms, "more": more, "after": rows[-1].room if more else None}

    async def read(self, session: ChatSession, p: ReceiptRead) -> AckFields:
        await self.require(session, p.room)
        mark = await self._store.mark_read(p.room, session.user, p.seq)
        if mark is not None and await self._visibility.is_visible(session):
            await self._outbox.to_room(p.room, RECEIPT, {"room": p.room, "user": session.user, "seq": mark})
        return {}


def is_recoverable(page: History, seq: int, epoch: str) -> bool:
    """Whether all that follows `seq` is still there, in the same epoch."""
    return epoch == page.epoch and page.first - 1 <= seq <= page.seq


def is_more(page: History, after: int | None) -> bool:
    """With recovery `after` a seq: newer messages follow (join again from the last one). Else: older ones exist."""
    count = len(page.entries)
    if after is not None:
        return after + count < page.seq
    return count > 0 and page.seq - count + 1 > page.first
