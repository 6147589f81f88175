"""Who may enter a room, and who may moderate it."""

from __future__ import annotations

from typing import Final

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.ids import Access, access
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.rooms import RoomStore

_MODERATORS: Final = ("owner", "admin")


class RoomAccess:
    """Decides by the room's id, the session's token and the stored memberships."""

    def __init__(self, store: RoomStore) -> None:
        self._store = store

    async def require_entry(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN for a room that the session may not enter, the same whether the room exists or not."""
        if room not in session.rooms and not await self.may_enter(session, room):
            raise RoomcastError(Code.FORBIDDEN)

    async def may_enter(self, session: ChatSession, room: str) -> bool:
        """Return whether the session may enter the room now, wherever it is already."""
        verdict = access(room, session.user)
        if verdict is Access.STORED:
            return session.identity.matches(room) or await self._store.role(room, session.user) is not None
        return verdict is Access.OPEN

    async def is_moderator(self, session: ChatSession, room: str) -> bool:
        """Return whether the session may delete other people's messages, invite and remove."""
        return session.identity.ops or await self._store.role(room, session.user) in _MODERATORS

    async def require_moderator(self, session: ChatSession, room: str) -> None:
        """Raise FORBIDDEN unless the session moderates this stored room."""
        if access(room, session.user) is not Access.STORED or not await self.is_moderator(session, room):
            raise RoomcastError(Code.FORBIDDEN)
