"""Read and search profiles, and announce a profile that a back end or the token of a sign-in has changed.

Backend.set_profile, or a sign-in --ProfileChanged--> channel `control` --> ProfileChanges of each gateway
    --`profile`--> the user's devices, and the rooms that they are in, unless the user is invisible
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from msgspec.structs import replace

from roomcast.contract.envelope import ProfileChanged
from roomcast.contract.errors import RoomcastError
from roomcast.contract.events import PROFILE, PresenceUsers, UserSearch
from roomcast.contract.profile import Profile
from roomcast.gateway.chat.ports import AckFields, EventSender, Visibility
from roomcast.gateway.sign_in.session import ChatSession

_ROOMS_PER_PAUSE: Final = 10
"""Number of rooms in which a profile is announced for each pause after it."""
_MAX_PAUSES: Final = 4.0

StartTask = Callable[[Coroutine[Any, Any, None], str], object]


class Profiles(Protocol):
    """The profiles of people; see `roomcast.gateway.stores.people.PeopleStore`."""

    async def read(self, users: list[str]) -> dict[str, Profile]:
        """Return the profiles of the users; users without a profile are left out."""
        ...

    async def search(self, query: str, after: str | None, limit: int) -> tuple[list[Profile], str | None]:
        """Return people whose names begin with `query`, and the `after` of the next page."""
        ...


class People:
    """The use cases behind `user:profiles` and `user:search`."""

    def __init__(self, store: Profiles) -> None:
        self._store = store

    async def read_profiles(self, session: ChatSession, p: PresenceUsers) -> AckFields:
        """Answer `user:profiles`: the profiles of these users; users without a profile are left out."""
        users = list(dict.fromkeys(p.users))
        async with session.limit.reading():
            found = await self._store.read(users)
            answer = {"users": {user: profile.public() for user, profile in found.items()}}
            session.limit.charge_answer(answer, rows=len(users))
        return answer

    async def search(self, session: ChatSession, p: UserSearch) -> AckFields:
        """Answer `user:search`: people whose names begin with a text."""
        async with session.limit.reading():
            found, after = await self._store.search(p.name, p.after, p.limit)
            people = [{"user": profile.user, **profile.public()} for profile in found]
            session.limit.charge_answer(people, rows=len(people))
        return {"people": people, "more": after is not None, "after": after}


class ProfileChanges:
    """Applies changed profiles to the sessions of this gateway. `sessions_of` returns the sessions of a user.

    After a change, the next change of the same user waits, for `pause_seconds` or longer if the user is in many rooms.
    Otherwise each sign-in of a user who alternates between two tokens with different names would be announced at once
    in all of the user's rooms.
    """

    def __init__(
        self,
        store: Profiles,
        sessions_of: Callable[[str], list[ChatSession]],
        emitter: EventSender,
        visibility: Visibility,
        forget_name: Callable[[str], None],
        start_task: StartTask,
        pause_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._sessions_of = sessions_of
        self._emitter = emitter
        self._visibility = visibility
        self._forget_name = forget_name
        self._start_task = start_task
        self._pause_seconds = pause_seconds
        self._is_stale: dict[str, bool] = {}
        """User whose profile is being applied -> whether the profile must be applied once more."""

    def receive(self, message: ProfileChanged) -> None:
        """Handle a control message: read the profile again, and use its name from now on."""
        user = message.user
        self._forget_name(user)
        if user in self._is_stale:
            self._is_stale[user] = True
        elif self._sessions_of(user):
            self._is_stale[user] = True
            self._start_task(self._apply_until_current(user), "profile changed")

    async def _apply_until_current(self, user: str) -> None:
        try:
            while self._is_stale[user]:
                self._is_stale[user], rooms = False, 0
                try:
                    rooms = await self._apply(user)
                except RoomcastError:  # Redis does not answer: try again after the pause
                    self._is_stale[user] = True
                await asyncio.sleep(self._pause_seconds * pauses_after(rooms))
        finally:
            del self._is_stale[user]

    async def _apply(self, user: str) -> int:
        """Apply the stored profile; return in how many rooms it was announced."""
        profile = (await self._store.read([user])).get(user)
        sessions = self._sessions_of(user)
        if profile is None or not sessions:
            return 0
        rooms: dict[str, None] = {}
        for session in sessions:
            if session.identity.name != profile.name:
                session.identity = replace(session.identity, name=profile.name)
                session.revoke_tickets()  # a send ticket contains the old name
            rooms |= dict.fromkeys(session.rooms)
        if rooms and not await self._visibility.is_visible(sessions[0]):
            rooms = {}  # the event would reveal that the invisible user is in the room
        event = {"user": user, **profile.public()}
        outside = [session.sid for session in sessions if rooms.keys().isdisjoint(session.rooms)]
        self._emitter.to_sessions(outside, PROFILE, event)
        for room in rooms:
            await self._emitter.to_room(room, PROFILE, event)
        return len(rooms)


def pauses_after(rooms: int) -> float:
    """Return how many pauses follow an announcement in this many rooms: 1 to 4, so that a change waits below 5 s."""
    return min(max(1.0, rooms / _ROOMS_PER_PAUSE), _MAX_PAUSES)
