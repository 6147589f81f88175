"""Keep users who block one another out of each other's presence and typing."""

from __future__ import annotations

from typing import Any, Protocol

from roomcast.contract.errors import RoomcastError
from roomcast.contract.events import PresenceUsers, Typing
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.sign_in.session import ChatSession

_UNSEEN: dict[str, Any] = {"status": "offline", "last_seen": 0}


class PresenceUseCases(Protocol):
    """The presence service's use cases; see `roomcast.gateway.presence.service.PresenceService`."""

    async def query_users(self, session: ChatSession, p: PresenceUsers) -> dict[str, Any]:
        """Return the presence of users."""
        ...

    async def watch_users(self, session: ChatSession, p: PresenceUsers) -> dict[str, Any]:
        """Return the presence of users, and send changes from now on."""
        ...

    async def send_typing(self, session: ChatSession, p: Typing) -> dict[str, Any]:
        """Forward a typing event."""
        ...


class Privacy:
    """The presence service, without what block lists and mutes hide."""

    def __init__(self, presence: PresenceUseCases, sanctions: Sanctions) -> None:
        self._presence = presence
        self._sanctions = sanctions

    async def query_users(self, session: ChatSession, p: PresenceUsers) -> dict[str, Any]:
        """Answer `presence:query`: a blocked user looks offline."""
        session.limit.charge(rows=len(p.users))
        seen = await self._seen_by(session, p.users)
        return _with_unseen(p.users, await self._presence.query_users(session, PresenceUsers(seen)))

    async def watch_users(self, session: ChatSession, p: PresenceUsers) -> dict[str, Any]:
        """Answer `presence:watch`: a blocked user looks offline and is not watched."""
        session.limit.charge(rows=len(p.users))
        seen = await self._seen_by(session, p.users)
        return _with_unseen(p.users, await self._presence.watch_users(session, PresenceUsers(seen)))

    async def send_typing(self, session: ChatSession, p: Typing) -> dict[str, Any]:
        """Forward typing, but not of muted users, nor to a person who is blocked."""
        if not self._sanctions.is_unrestricted(session.user, p.room) and not session.identity.ops:
            try:
                await self._sanctions.require_voice(session.user, p.room)
            except RoomcastError:
                return {}
        return await self._presence.send_typing(session, p)

    async def _seen_by(self, session: ChatSession, users: list[str]) -> list[str]:
        hidden = await self._sanctions.hidden_from(session.user, users)
        return [user for user in users if user not in hidden]


def _with_unseen(users: list[str], answer: dict[str, Any]) -> dict[str, Any]:
    return {"users": {user: answer["users"].get(user, _UNSEEN) for user in users}}
