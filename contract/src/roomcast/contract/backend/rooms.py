"""Create, change and close rooms, and manage their members."""

from __future__ import annotations

from typing import Any, Literal

from roomcast.contract import keys
from roomcast.contract.backend.redis_link import RedisLink, check_ids
from roomcast.contract.directory import MAX_LISTED, entry_of
from roomcast.contract.envelope import Kicked, ListChanged, RoomChanged, RoomCreated, Sanctioned
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.server_events import ROOM
from roomcast.contract.limits import MAX_ROOMS_PER_USER, ROOM_LIST_SECONDS
from roomcast.contract.room_info import changed_fields, keys_of_closed, require_free_id
from roomcast.contract.texts import clean_name
from roomcast.wire.envelope import pack


class Rooms(RedisLink):
    """The methods of `Backend` that create, change and close rooms."""

    async def create_room(
        self, room: str, owner: str, *, kind: Literal["private", "public"] = "private", name: str = ""
    ) -> None:
        """Store a room with this owner. Raise CONFLICT when the room is stored already, FORBIDDEN for a reserved id."""
        check_ids(room, owner)
        name = clean_name(name)
        require_free_id(room, kind)
        names = (keys.room_meta(room), keys.room_members(room), keys.room_counts(room))
        outcome = int(await self._script("room_create", names, (owner, kind, name, "", "")))
        if outcome < 0:
            raise RoomcastError(Code.CONFLICT, "a room of this id exists")
        if outcome:
            await self._control(RoomCreated(room))
        await self._replace_in_directory(room, kind, None, name)
        await self._add_to_room_list(owner, room, name)

    async def grant(
        self, room: str, user: str, role: Literal["admin", "member"] = "member", *, by: str | None = None
    ) -> None:
        """Make `user` a member of a stored room, or change the member's role. The owner keeps the owner role.

        The user's devices get the event `room` with `change: "invited"`. Raise NOT_FOUND if the room is not stored.
        """
        check_ids(room, user)
        kind, stored_name = await self._call("HMGET", keys.room_meta(room), "kind", "name")
        if kind is None:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        if await self._script("room_grant", (keys.room_meta(room), keys.room_members(room)), (user, role, "")) < 0:
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        name = stored_name.decode() if stored_name else room
        await self._add_to_room_list(user, room, name)
        event = {"room": room, "change": "invited", "name": name, "role": role, **({"by": by} if by else {})}
        await self._tell_user(user, ROOM, event)

    async def remove(self, room: str, user: str) -> bool:
        """Delete a membership, and remove the user from the room on every gateway.

        Return whether there was a membership. Raise FORBIDDEN for the owner.
        """
        check_ids(room, user)
        names = (keys.room_members(room), keys.room_kicked(room))
        outcome, _ = await self._script("room_remove", names, (user, keys.KICK_SECONDS, ""))
        if outcome == b"owner":
            raise RoomcastError(Code.FORBIDDEN, "the owner cannot be removed")
        await self._remove_from_room_list(user, room)
        await self.kick(room, user)
        return bool(outcome == b"removed")

    async def kick(self, room: str, user: str) -> None:
        """Remove a user from a room on every gateway. The membership stays; `remove` also deletes the membership."""
        check_ids(room, user)
        await self._script("room_kick", (keys.room_kicked(room),), (user, keys.KICK_SECONDS))
        await self._control(Kicked(room, user))

    async def close_room(self, room: str) -> None:
        """Delete a room with its history, members and sanctions. Remove all users from it on every gateway."""
        check_ids(room)
        kind, name = await self._kind_and_name(room)
        members = await self._script("room_close", keys_of_closed(room), (keys.KICK_SECONDS, ""))
        await self._control(Kicked(room, closed=True))
        await self._replace_in_directory(room, kind, name, None)
        for member in members:
            await self._remove_from_room_list(member.decode(), room)
        await self._control(Sanctioned(room))  # room_close deleted the sanctions, so gateways must read them again

    async def update_room(
        self, room: str, *, name: str | None = None, topic: str | None = None, data: dict[str, Any] | None = None
    ) -> None:
        """Change the name, topic or data of a stored room, and tell its members on every gateway.

        None does not change a field. An empty topic or object deletes the stored one. Raise NOT_FOUND for a room that
        is not stored, BAD_REQUEST if every field is None or the name has no visible character, and TOO_LARGE for data
        above its limits.
        """
        check_ids(room)
        fields = changed_fields(name, topic, data)
        kind, old_name = await self._kind_and_name(room)
        names = (keys.room_meta(room), keys.room_members(room))
        if not await self._script("room_update", names, ("", *fields)):
            raise RoomcastError(Code.NOT_FOUND, "no such room is stored")
        if name is not None:
            await self._replace_in_directory(room, kind, old_name, clean_name(name))
        await self._control(RoomChanged(room))

    async def transfer_room(self, room: str, user: str) -> None:
        """Make a member the owner of a stored room. The previous owner becomes an admin.

        Raise NOT_FOUND for a room that is not stored, and for a user who is not a member.
        """
        check_ids(room, user)
        names = (keys.room_meta(room), keys.room_members(room))
        if await self._script("room_transfer", names, (user, "")) == b"none":
            raise RoomcastError(Code.NOT_FOUND, "no such room or member")
        await self._control(RoomChanged(room, user=user))

    async def _kind_and_name(self, room: str) -> tuple[str, str]:
        kind, name = await self._call("HMGET", keys.room_meta(room), "kind", "name")
        return (kind or b"").decode(), (name or b"").decode()

    async def _replace_in_directory(self, room: str, kind: str, old: str | None, new: str | None) -> None:
        """Replace the directory entry of a public room for the name `old` by one for `new`. None: there is no entry."""
        if kind == "public":
            args = ("" if old is None else entry_of(old, room), "" if new is None else entry_of(new, room), MAX_LISTED)
            await self._script("room_listing", (keys.DIRECTORY,), args)

    async def _add_to_room_list(self, user: str, room: str, name: str) -> None:
        args = (room, name, MAX_ROOMS_PER_USER, ROOM_LIST_SECONDS, pack(ListChanged(room)))
        await self._script("user_room", (keys.user_rooms(user), keys.user_channel(user)), args)

    async def _remove_from_room_list(self, user: str, room: str) -> None:
        args = (room, pack(ListChanged(room)))
        await self._script("user_room_remove", (keys.user_rooms(user), keys.user_channel(user)), args)
