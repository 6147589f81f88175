"""Hide the presence and typing of two users from each other if one of them blocks the other."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, Final, Protocol

from roomcast.contract.events.presence import PresenceLook, Typing
from roomcast.contract.ids import direct_room, people_of
from roomcast.gateway.chat.sanctions import Sanctions
from roomcast.gateway.chat.voice import is_silenced
from roomcast.gateway.sign_in.session import ChatSession

_APPLIED_AT_ONCE: Final = 100
_UNSEEN: dict[str, Any] = {"status": "offline", "last_seen": 0}


class PresenceUseCases(Protocol):
    """The presence service's use cases; see `roomcast.gateway.presence.service.PresenceService`."""

    async def query_users(self, session: ChatSession, p: PresenceLook) -> dict[str, Any]:
        """Return the presence of users."""
        ...

    async def watch_users(self, session: ChatSession, p: PresenceLook) -> dict[str, Any]:
        """Return the presence of users, and send changes from now on."""
        ...

    def users_in_watches(self) -> set[str]:
        """Return the users whom sessions here watch, and the users of these sessions."""
        ...

    def watches_of(self, user: str) -> list[tuple[ChatSession, list[str]]]:
        """Return `(session, users whom it watches)` of each session here that watches the user or is the user's own.

        Of another user's session, only `user` is listed.
        """
        ...

    async def end_watches(self, session: ChatSession, users: Collection[str]) -> None:
        """Stop sending changes of these users to the session, and tell the session that they are offline."""
        ...

    async def send_typing(self, session: ChatSession, p: Typing) -> dict[str, Any]:
        """Forward a typing event."""
        ...


class DirectRooms(Protocol):
    """The direct rooms of this gateway; see `roomcast.gateway.presence.occupancy.OccupancyService`."""

    def users_of_direct_rooms(self) -> set[str]:
        """Return both people of each direct room of this gateway."""
        ...

    def direct_rooms(self, user: str) -> list[str]:
        """Return the user's direct rooms in which at least one of the two people has a session here."""
        ...

    def apart_rooms(self, user: str) -> set[str]:
        """Return the user's direct rooms here in which a block hides the two people from each other."""
        ...

    async def keep_apart(self, room: str, *, is_apart: bool) -> None:
        """Hide the two people of a direct room from each other if `is_apart`; else show them again."""
        ...


class BlockEffects:
    """The presence use cases, limited by block lists and mutes."""

    def __init__(self, presence: PresenceUseCases, sanctions: Sanctions, rooms: DirectRooms) -> None:
        self._presence = presence
        self._sanctions = sanctions
        self._rooms = rooms

    async def query_users(self, session: ChatSession, p: PresenceLook) -> dict[str, Any]:
        """Answer `presence:query`: a blocked user looks offline."""
        seen = await self._seen_by(session, p)
        return _with_unseen(p, await self._presence.query_users(session, seen))

    async def watch_users(self, session: ChatSession, p: PresenceLook) -> dict[str, Any]:
        """Answer `presence:watch`: a blocked user looks offline and is not watched.

        The gateway reads the block lists again after the watch has started: a block set in the meantime found no watch
        to end.
        """
        seen = await self._seen_by(session, p)
        answer = await self._presence.watch_users(session, seen)
        if hidden := await self._sanctions.hidden_from(session.user, seen.users):
            await self._presence.end_watches(session, hidden)
            answer = {"users": {user: row for user, row in answer["users"].items() if user not in hidden}}
        return _with_unseen(p, answer)

    async def end_blocked_watches(self, user: str) -> None:
        """End the watches between a user and the users on this user's block list, in both directions."""
        watches = self._presence.watches_of(user)
        blocked = await self._sanctions.blocked_by(user) if watches else frozenset()
        for session, watched in watches:
            others = blocked.intersection(watched) if session.user == user else blocked.intersection([session.user])
            if others:
                await self._presence.end_watches(session, sorted(others) if session.user == user else [user])

    async def note_blocks(self, room: str) -> None:
        """Hide the two people of a direct room from each other if one blocks the other; else show them again.

        Does nothing for other rooms.
        """
        if people := people_of(room):
            is_apart = bool(await self._sanctions.hidden_from(people[0], people[1:]))
            await self._rooms.keep_apart(room, is_apart=is_apart)

    async def apply_blocks(self, user: str) -> None:
        """Apply a user's changed block list: end watches, then update the direct rooms here that may be concerned.

        Skips each room that already hides its two people from each other and whose other person is still blocked,
        because a user may change a list of 500 people 200 times a second.
        """
        await self.end_blocked_watches(user)
        rooms = set(self._rooms.direct_rooms(user))
        if rooms:
            blocked = await self._sanctions.blocked_by(user)
            concerned = rooms & {direct_room(user, other) for other in blocked}
            for room in sorted(concerned ^ self._rooms.apart_rooms(user)):
                await self.note_blocks(room)

    async def apply_all_blocks(self) -> None:
        """Apply the block lists of all users in watches and direct rooms here: this gateway may have missed changes."""
        users = sorted(self._presence.users_in_watches() | self._rooms.users_of_direct_rooms())
        for start in range(0, len(users), _APPLIED_AT_ONCE):
            await asyncio.gather(*(self.apply_blocks(user) for user in users[start : start + _APPLIED_AT_ONCE]))

    async def send_typing(self, session: ChatSession, p: Typing) -> dict[str, Any]:
        """Forward a typing event, unless the user is muted, or a block separates the two people of a direct room.

        Raise UNAVAILABLE if Redis does not answer: the event is then dropped, and `typing` has no ack.
        """
        if await is_silenced(self._sanctions, session, p.room):
            return {}
        return await self._presence.send_typing(session, p)

    async def _seen_by(self, session: ChatSession, p: PresenceLook) -> PresenceLook:
        """Charge the session for the query, and return the query without the users whom blocks hide."""
        session.limit.charge(rows=len(p.users))
        hidden = await self._sanctions.hidden_from(session.user, p.users)
        return PresenceLook([user for user in p.users if user not in hidden], p.devices)


def _with_unseen(p: PresenceLook, answer: dict[str, Any]) -> dict[str, Any]:
    unseen = {**_UNSEEN, "devices": []} if p.devices else _UNSEEN
    return {"users": {user: answer["users"].get(user, unseen) for user in p.users}}
