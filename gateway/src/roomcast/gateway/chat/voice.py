"""The right to write in a room now, and the rule that other users must not notice a user without this right."""

from __future__ import annotations

from typing import Protocol

from roomcast.contract.errors import Code, RoomcastError
from roomcast.gateway.sign_in.session import ChatSession


class Voice(Protocol):
    """The right to write in a room now; see `roomcast.gateway.chat.sanctions.Sanctions`."""

    def is_unrestricted(self, user: str, room: str) -> bool:
        """Return whether the gateway's copies of sanctions show that the user may write; never reads Redis."""
        ...

    async def require_voice(self, user: str, room: str) -> None:
        """Raise MUTED, or FORBIDDEN in a direct room if one person has blocked the other."""
        ...

    async def take_turn(self, user: str, room: str) -> None:
        """Raise RATE_LIMITED if the room has slow mode and the user's last message is too recent."""
        ...


async def is_silenced(voice: Voice, session: ChatSession, room: str) -> bool:
    """Return whether other users must not notice the session's actions in the room. Operators are exempt.

    This holds if the session's user is muted, or if one person of a direct room blocks the other.
    """
    if session.identity.ops or voice.is_unrestricted(session.user, room):
        return False
    try:
        await voice.require_voice(session.user, room)
    except RoomcastError as error:
        if error.code in (Code.MUTED, Code.FORBIDDEN):
            return True
        raise
    return False
