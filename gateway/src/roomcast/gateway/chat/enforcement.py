"""Apply a changed mute, ban, block or slow mode to the sessions of this gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Protocol

from roomcast.contract.envelope import Sanctioned
from roomcast.gateway.background.repeated_checks import RepeatedChecks
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.wire.tasks import StartTask

Recheck = Callable[[list[ChatSession], str], Awaitable[None]]


class SignedIn(Protocol):
    """The sessions of this gateway; see `roomcast.gateway.sign_in.sessions.Sessions`."""

    def __iter__(self) -> Iterator[ChatSession]: ...

    def of_user(self, user: str) -> list[ChatSession]:
        """Return the sessions of a user."""
        ...


class LocalRooms(Protocol):
    """The rooms of this gateway; see `roomcast.gateway.presence.occupancy.OccupancyService`."""

    def sessions_in(self, room: str) -> list[ChatSession]:
        """Return the sessions that are in a room or are entering it."""
        ...

    def direct_rooms(self, user: str) -> list[str]:
        """Return the user's direct rooms in which at least one of the two people has a session here."""
        ...


class SanctionEnforcer:
    """Drops outdated copies of sanctions, and checks the affected sessions again.

    Any user can cause the control message about a changed sanction, with `user:block`. So the cost of handling the
    message must not grow with the number of all sessions here, or of all rooms of the user.
    """

    def __init__(
        self,
        sanctions: Sanctions,
        sessions: SignedIn,
        rooms: LocalRooms,
        check_user: Callable[[str], Awaitable[None]],
        recheck_rooms: Recheck,
        start_task: StartTask,
    ) -> None:
        """`check_user` disconnects a banned user; `recheck_rooms` removes sessions that may not stay in a room."""
        self._sanctions = sanctions
        self._sessions = sessions
        self._rooms = rooms
        self._check_user = check_user
        self._recheck_rooms = recheck_rooms
        self._checks = RepeatedChecks(start_task)

    def receive(self, message: Sanctioned) -> None:
        """Handle a control message: drop copies and fast-path tickets, so that the next sends are checked."""
        self._sanctions.forget(message.room, message.user)
        for session, room in self._concerned(message):
            session.revoke_tickets(room)
        if message.user and self._sessions.of_user(message.user):
            self._checks.start((message.room, message.user), partial(self._check, message), "sanctions")

    def forget_all(self) -> None:
        """Drop all copies of sanctions and all fast-path tickets, because the gateway may have missed changes."""
        self._sanctions.forget_all()
        for session in self._sessions:
            session.revoke_tickets()

    def _concerned(self, message: Sanctioned) -> list[tuple[ChatSession, str]]:
        """Return the `(session, room)` pairs in which the right to write may have changed; an empty room: every room.

        A message without a room is about a mute, ban or block of a user everywhere. A mute concerns all rooms of the
        user. A block concerns the user's direct rooms, and there also the sessions of the other person.
        """
        if message.room:
            in_room = self._rooms.sessions_in(message.room)
            return [(session, message.room) for session in in_room if message.user in ("", session.user)]
        direct = self._rooms.direct_rooms(message.user)
        others = [(session, room) for room in direct for session in self._rooms.sessions_in(room)]
        return [*others, *((session, "") for session in self._sessions.of_user(message.user))]

    async def _check(self, message: Sanctioned) -> None:
        """Remove a user who is banned from the room; disconnect a user who is banned everywhere."""
        if not message.room:
            if await self._sanctions.is_banned_everywhere(message.user):
                await self._check_user(message.user)
            return
        await self._recheck_rooms(self._sessions.of_user(message.user), message.room)
