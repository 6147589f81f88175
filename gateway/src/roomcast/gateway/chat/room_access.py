"""Decide which users may enter, moderate or create a room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Final, Protocol

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import DIRECT, PUBLIC, Access, access
from roomcast.contract.inbox import Line
from roomcast.contract.room_info import moderator_refusal, require_free_id
from roomcast.gateway.sign_in.identity import matches
from roomcast.gateway.sign_in.session import ChatSession

_MODERATORS: Final = ("owner", "admin")

IsBanned = Callable[[str, str], Awaitable[bool]]
"""`(user, room)` -> whether the user is banned from the room."""


def _no_entry(room: str) -> RoomcastError:
    """Return the error for a room that a user may not enter. The error does not tell whether the room exists."""
    if room.startswith(DIRECT):
        return RoomcastError(Code.FORBIDDEN, "a direct room is `dm:` and the ids of its two people, sorted")
    return RoomcastError(
        Code.FORBIDDEN, "you need a membership or a token whose `rooms` names the room, and must not be banned"
    )


class Roles(Protocol):
    """Stored memberships; see `roomcast.gateway.stores.rooms.RoomStore`."""

    async def read_role(self, room: str, user: str) -> str | None:
        """Return `owner`, `admin`, `member`, or None."""
        ...


class RoomAccess:
    """Decides by the room's id, the session's token, the bans and the stored memberships."""

    def __init__(self, store: Roles, is_banned: IsBanned, creatable: Collection[str] = ()) -> None:
        """`creatable` are patterns of the rooms that every user may create."""
        self._store = store
        self._is_banned = is_banned
        self._creatable = tuple(creatable)

    async def require_entry(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN for a room that the session may not enter, whether the room exists or not.

        A room that the session has joined is not checked again.
        """
        if room not in session.rooms:
            await self.require_entry_now(session, room)

    async def require_entry_now(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN as `require_entry` does, but also check a joined room: a ban may have come after the join."""
        if not await self.may_enter(session, room):
            raise _no_entry(room)

    async def may_enter(self, session: ChatSession, room: str) -> bool:
        """Return whether the session may enter the room now. Joined rooms are checked, too."""
        if not session.identity.ops and await self._is_banned(session.user, room):
            return False
        verdict = access(room, session.user)
        if verdict is Access.STORED:
            return session.identity.matches(room) or await self._store.read_role(room, session.user) is not None
        return verdict is Access.OPEN

    def may_see(self, session: ChatSession, line: Line) -> bool:
        """Return whether the session may enter the room of an inbox line. The line suffices: Redis is not read."""
        if session.identity.ops:
            line = line._replace(is_banned=False)
        return line.is_open(by_token=session.identity.matches(line.room))

    async def is_moderator(self, session: ChatSession, room: str) -> bool:
        """Return whether the session may delete other people's messages, invite and remove users.

        A banned user keeps the stored role, but has none of its rights until the ban ends.
        """
        if session.identity.ops:
            return True
        role = await self._store.read_role(room, session.user)
        return role in _MODERATORS and not await self._is_banned(session.user, room)

    async def require_moderator(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN unless the session moderates this room."""
        if not await self.moderates(session, room):
            raise moderator_refusal()

    async def moderates(self, session: ChatSession, room: str) -> bool:
        """Return whether the session moderates this room. Operators moderate every room."""
        if session.identity.ops:
            return True
        return access(room, session.user) is Access.STORED and await self.is_moderator(session, room)

    def require_creation(self, session: ChatSession, room: str, kind: str) -> None:
        """Raise FORBIDDEN unless the session may create and own this room.

        The room must match the token's `create` claim or a configured pattern. Only operators and back ends may give an
        owner to a room that is open to every user, or that the session's own token opens.
        """
        identity = session.identity
        require_free_id(room, kind)
        if identity.ops:
            return
        if not (matches(room, identity.create) or matches(room, self._creatable)):
            raise RoomcastError(Code.FORBIDDEN, "the token's `create` does not name the room")
        if room.startswith(PUBLIC) or identity.matches(room):
            raise RoomcastError(Code.FORBIDDEN, "a room that users may enter without a membership has no owner")
