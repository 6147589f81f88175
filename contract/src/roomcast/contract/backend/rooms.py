"""Store rooms, their members and their end."""

from __future__ import annotations

from typing import Any, Literal

from roomcast.contract import keys
from roomcast.contract.backend.link import RedisLink, check_ids
from roomcast.contract.directory import MAX_LISTED, entry_of
from roomcast.contract.envelope import Kicked, ListChanged, RoomChanged, Sanctioned
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import MAX_ROOMS_PER_USER, ROOM, ROOM_LIST_SECONDS
from roomcast.contract.ids import DIRECT, PUBLIC
from roomcast.contract.room_info import changed_fields, keys_of_closed
from roomcast.contract.texts import clean_name
from roomcast.wire.envelope import pack


class Rooms(RedisLink):
    """The rooms of a back end."""

    async def create_room(
        self, room: str, owner: str, *, kind: Literal["private", "public"] = "private", name: str = ""
    ) -> None:
        """Store a room that `owner` owns. Raises CONFLICT when it is stored already, FORBIDDEN for a reserved id."""
        check_ids(room, owner)
        name = clean_name(name)
        if room.startswith(DIRECT) or (room.startswith(PUBLIC) and kind != "public"):
            raise RoomcastError(Code.FORBIDDEN, "this id is reserved")
        names = (keys.room_meta(room), keys.room_members(room), keys.room_counts(room))
        if not await self._script("room_create", names, (owner, kind, name, "", "")):
            raise RoomcastError(Code.CONFLICT, "a room of this id exists")
        await self._list_in_directory(room, kind, None, name)
        await self._list_room(owner, room, name)

    async def grant(
        self, room: str, user: str, role: Literal["admin", "member"] = "member", *, by: str | None = None
    ) -> None:
        """Let `user` enter a stored room; an owner stays the owner. The user's devices get `room` "invited".

        Raises NOT_FOUND for a room that is not stored.
        """
        check_ids(room, user)
        kind, stored_name = await self._call("HMGET", keys.room_meta(room), "kind", "name")
        if kind is None:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        await self._script("room_grant", (keys.room_meta(room), keys.room_members(room)), (user, role))
        name = stored_name.decode() if stored_name else room
        await self._list_room(user, room, name)
        event = {"room": room, "change": "invited", "name": name, "role": role, **({"by": by} if by else {})}
        await self._tell_user(user, ROOM, event)

    async def remove(self, room: str, user: str) -> bool:
        """Take a membership away, and the user out of the room on every gateway; False when there was none.

        Raises FORBIDDEN for the owner.
        """
        check_ids(room, user)
        names = (keys.room_members(room), keys.room_kicked(room))
        outcome, _ = await self._script("room_remove", names, (user, keys.KICK_SECONDS))
        if outcome == b"owner":
            raise RoomcastError(Code.FORBIDDEN, "the owner stays")
        await self._unlist_room(user, room)
        await self.kick(room, user)
        return bool(outcome == b"removed")

    async def kick(self, room: str, user: str) -> None:
        """Take a user out of a room on every gateway. A user who may enter may come back: see `remove`."""
        check_ids(room, user)
        await self._script("room_kick", (keys.room_kicked(room),), (user, keys.KICK_SECONDS))
        await self._control(Kicked(room, user))

    async def close_room(self, room: str) -> None:
        """Forget a room with its history and memberships, and take everybody out on every gateway."""
        check_ids(room)
        kind, name = await self._kind_and_name(room)
        members = await self._script("room_close", keys_of_closed(room), (keys.KICK_SECONDS, ""))
        await self._control(Kicked(room, closed=True))
        await self._list_in_directory(room, kind, name, None)
        for member in members:
            await self._unlist_room(member.decode(), room)
        await self._control(Sanctioned(room))  # its sanctions went with it

    async def update_room(
        self, room: str, *, name: str | None = None, topic: str | None = None, data: dict[str, Any] | None = None
    ) -> None:
        """Change what a stored room says of itself, and tell its members on every gateway.

        None leaves a field as it is; an empty topic or object takes away what is there. Raises NOT_FOUND for a room
        that is not stored, BAD_REQUEST for a change of nothing, TOO_LARGE for data over its limits.
        """
        check_ids(room)
        fields = changed_fields(name, topic, data)
        kind, old_name = await self._kind_and_name(room)
        if not await self._script("room_update", (keys.room_meta(room),), fields):
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        if name is not None:
            await self._list_in_directory(room, kind, old_name, clean_name(name))
        await self._control(RoomChanged(room))

    async def transfer_room(self, room: str, user: str) -> None:
        """Make a member the owner of a stored room; the owner becomes an admin.

        Raises NOT_FOUND for a room that is not stored, and for a user who is no member.
        """
        check_ids(room, user)
        names = (keys.room_meta(room), keys.room_members(room))
        if await self._script("room_transfer", names, (user, "")) == b"none":
            raise RoomcastError(Code.NOT_FOUND, "no such member")
        await self._control(RoomChanged(room, user=user))

    async def _kind_and_name(self, room: str) -> tuple[str, str]:
        kind, name = await self._call("HMGET", keys.room_meta(room), "kind", "name")
        return (kind or b"").decode(), (name or b"").decode()

    async def _list_in_directory(self, room: str, kind: str, old: str | None, new: str | None) -> None:
        """List a public room under its name `new`, and no longer under `old`; None: not at all."""
        if kind == "public":
            args = ("" if old is None else entry_of(old, room), "" if new is None else entry_of(new, room), MAX_LISTED)
            await self._script("room_listing", (keys.DIRECTORY,), args)

    async def _list_room(self, user: str, room: str, name: str) -> None:
        args = (room, name, MAX_ROOMS_PER_USER, ROOM_LIST_SECONDS, pack(ListChanged(room)))
        await self._script("user_room", (keys.user_rooms(user), keys.user_channel(user)), args)

    async def _unlist_room(self, user: str, room: str) -> None:
        args = (room, pack(ListChanged(room)))
        await self._script("user_room_remove", (keys.user_rooms(user), keys.user_channel(user)), args)
