"""Read and search profiles, and announce a profile that a back end or the token of a sign-in has changed.

Backend.set_profile, or a sign-in --ProfileChanged--> channel `control` --> ProfileChanges of each gateway
    --`profile`--> the user's devices, and then the rooms in which others may notice the user, ten a second
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any, Final, Protocol

from msgspec.structs import replace

from roomcast.contract.envelope import ProfileChanged
from roomcast.contract.errors import RoomcastError
from roomcast.contract.events.presence import PresenceUsers
from roomcast.contract.events.server_events import PROFILE
from roomcast.contract.events.users import UserSearch
from roomcast.contract.profile import Profile
from roomcast.gateway.background.repeated_checks import RepeatedChecks
from roomcast.gateway.chat.ports import AckFields, EventSender, Visibility
from roomcast.gateway.chat.voice import Voice, is_silenced
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.wire.tasks import StartTask

_ROOMS_PER_PAUSE: Final = 10
"""Number of rooms in which a profile is announced before each pause."""
_READ_AT_ONCE: Final = 100


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


class SignInStore(Protocol):
    """Stores the profiles in tokens; see `roomcast.gateway.stores.people.PeopleStore`."""

    async def note_sign_in(self, identity: Identity) -> bool:
        """Store the profile of the user's token; return whether this may have changed the stored profile."""
        ...


class SignInProfiles:
    """Stores the profiles of users who sign in, and publishes each change to all gateways, with retries."""

    def __init__(
        self, store: SignInStore, publish: Callable[[ProfileChanged], Awaitable[None]], start_task: StartTask
    ) -> None:
        self._store = store
        self._publish = publish
        self._start_task = start_task
        self._publications = RepeatedChecks(start_task)

    def note_sign_in(self, identity: Identity) -> None:
        """Store the profile of a user who signs in, in the background."""
        self._start_task(self._note(identity), "profile")

    async def _note(self, identity: Identity) -> None:
        if await self._store.note_sign_in(identity):
            publish = partial(self._publish, ProfileChanged(identity.user))
            self._publications.start(identity.user, publish, "profile changed")


@dataclass(slots=True)
class _Announcement:
    """A profile of one user that is being announced."""

    is_stale: bool = True
    """True if the stored profile has changed since it was read."""
    event: dict[str, Any] = field(default_factory=dict)
    rooms: dict[str, None] = field(default_factory=dict)
    """The rooms in which the profile must still be announced, in this order."""


class ProfileChanges:
    """Applies changed profiles to the sessions of this gateway. `sessions_of` returns the sessions of a user.

    The user's own devices get the profile at once, then ten rooms, and ten rooms more after each `pause_seconds`. A
    change in the meantime waits for the end of the pause. Otherwise a user in thousands of rooms who alternates between
    two tokens with different names could cause thousands of events a second.
    """

    def __init__(
        self,
        store: Profiles,
        sessions_of: Callable[[str], list[ChatSession]],
        emitter: EventSender,
        visibility: Visibility,
        voice: Voice,
        forget_name: Callable[[str], None],
        start_task: StartTask,
        pause_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._sessions_of = sessions_of
        self._emitter = emitter
        self._visibility = visibility
        self._voice = voice
        self._forget_name = forget_name
        self._start_task = start_task
        self._pause_seconds = pause_seconds
        self._announcements: dict[str, _Announcement] = {}
        """User -> the announcement in progress."""

    def receive(self, message: ProfileChanged) -> None:
        """Handle a control message: read the profile again, and use its name from now on."""
        user = message.user
        self._forget_name(user)
        if user in self._announcements:
            self._announcements[user].is_stale = True
        elif self._sessions_of(user):
            announcement = self._announcements[user] = _Announcement()
            self._start_task(self._announce(user, announcement), "profile changed")

    async def apply_missed(self, sessions: Iterable[ChatSession]) -> None:
        """Apply changed names of the sessions' users, which the gateway missed while it got no control messages.

        A change of only the picture or the data is not found, because sessions contain neither. Raise RoomcastError if
        Redis fails.
        """
        names: dict[str, set[str]] = {}
        for session in sessions:
            names.setdefault(session.user, set()).add(session.identity.name)
        users = list(names)
        for start in range(0, len(users), _READ_AT_ONCE):
            for user, profile in (await self._store.read(users[start : start + _READ_AT_ONCE])).items():
                if names[user] != {profile.name}:
                    self.receive(ProfileChanged(user))

    async def _announce(self, user: str, announcement: _Announcement) -> None:
        """Apply the profile, and announce it in ten rooms before each pause, until all rooms have the stored one."""
        try:
            while announcement.is_stale or announcement.rooms:
                with suppress(RoomcastError):  # Redis does not answer: go on after the pause
                    if announcement.is_stale:
                        await self._apply(user, announcement)
                    await self._tell_rooms(user, announcement)
                await asyncio.sleep(self._pause_seconds)
        finally:
            del self._announcements[user]

    async def _apply(self, user: str, announcement: _Announcement) -> None:
        """Read the stored profile, apply it to the user's sessions here, and list their rooms for announcements."""
        announcement.is_stale = False
        try:
            profile = (await self._store.read([user])).get(user)
        except RoomcastError:
            announcement.is_stale = True
            raise
        if profile is None:
            announcement.rooms.clear()
            return
        sessions = self._sessions_of(user)
        for session in sessions:
            if session.identity.name != profile.name:
                session.identity = replace(session.identity, name=profile.name)
                session.revoke_tickets()  # a send ticket contains the old name
            announcement.rooms |= dict.fromkeys(session.rooms)  # rooms that wait already keep their places
        announcement.event = {"user": user, **profile.public()}
        self._emitter.to_sessions([session.sid for session in sessions], PROFILE, announcement.event)

    async def _tell_rooms(self, user: str, announcement: _Announcement) -> None:
        """Announce the profile in the next rooms, except rooms in which others must not notice the user now."""
        rooms = list(islice(announcement.rooms, _ROOMS_PER_PAUSE))
        open_rooms = {room for room in rooms if await self._may_be_noticed(user, room)}
        sessions = self._sessions_of(user)
        if not sessions or (open_rooms and not await self._visibility.is_visible(sessions[0])):
            announcement.rooms.clear()  # for an invisible user, the event would reveal that the user is in the room
            return
        for room in rooms:
            if room in open_rooms and self._sessions_in(user, room):
                await self._emitter.to_room(room, PROFILE, announcement.event)
            del announcement.rooms[room]

    async def _may_be_noticed(self, user: str, room: str) -> bool:
        """Return whether the user is in the room, and no mute or block hides the user there; operators are exempt."""
        sessions = self._sessions_in(user, room)
        operators = [session for session in sessions if session.identity.ops]
        return bool(sessions) and not await is_silenced(self._voice, (operators or sessions)[0], room)

    def _sessions_in(self, user: str, room: str) -> list[ChatSession]:
        return [session for session in self._sessions_of(user) if room in session.rooms]
