"""Put a changed sanction in force on this gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

from roomcast.contract.envelope import Sanctioned
from roomcast.contract.ids import other_person
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.sign_in.session import ChatSession

Recheck = Callable[[list[ChatSession]], Awaitable[None]]
StartTask = Callable[[Coroutine[Any, Any, None], str], object]


class SanctionEnforcer:
    """Drops what was known, and looks at the sessions concerned again."""

    def __init__(
        self,
        sanctions: Sanctions,
        sessions: Iterable[ChatSession],
        revoke_tickets: Callable[[ChatSession, str], None],
        check_user: Callable[[str], Awaitable[None]],
        recheck_rooms: Recheck,
        start_task: StartTask,
    ) -> None:
        """`check_user` closes the sessions of a banned user; `recheck_rooms` takes sessions out of lost rooms.

        `sessions` are those of this gateway, whenever they are iterated over.
        """
        self._sanctions = sanctions
        self._sessions = sessions
        self._revoke_tickets = revoke_tickets
        self._check_user = check_user
        self._recheck_rooms = recheck_rooms
        self._start_task = start_task

    def receive(self, message: Sanctioned) -> None:
        """Handle a control message: from now on sends are checked again."""
        self._sanctions.forget(message.room, message.user)
        every = list(self._sessions)
        for session in every:
            for room in rooms_concerned(session, message):
                self._revoke_tickets(session, room)
        own = [session for session in every if session.user == message.user]
        if own:
            self._start_task(self._check(message.user, own), "sanctions")

    def forget_all(self) -> None:
        """Drop everything that was known: changes may have been missed."""
        self._sanctions.forget_all()
        for session in self._sessions:
            self._revoke_tickets(session, "")

    async def _check(self, user: str, sessions: list[ChatSession]) -> None:
        await self._check_user(user)
        await self._recheck_rooms([session for session in sessions if not session.is_closed])


def rooms_concerned(session: ChatSession, message: Sanctioned) -> list[str]:
    """Return the joined rooms in which the message may change what the session may write. Pure.

    A message without a room is about a user everywhere: mutes concern all rooms of the user, blocks the direct rooms.
    """
    if message.room:
        is_concerned = message.room in session.rooms and message.user in ("", session.user)
        return [message.room] if is_concerned else []
    if session.user == message.user:
        return list(session.rooms)
    return [room for room in session.rooms if other_person(room, session.user) == message.user]
