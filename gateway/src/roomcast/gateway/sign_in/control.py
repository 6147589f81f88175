"""Control messages: kicks, closed rooms, revocations, sanctions and operators' orders, in force on every gateway.

    back end or gateway --Kicked, Revoked, Sanctioned, Disconnected--> `control` --> SessionControl of each gateway
    operator --NodeOrder--> the same channel --> Cordon of one gateway

What a message says is also in Redis, except for Disconnected and for orders, whose operator sees them obeyed or
repeats them. A gateway whose subscriptions were away reads it there when they are back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from functools import partial
from typing import Any, Final, Protocol

from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.redis.channel_handlers import Unsealed
from roomcast.adapter.redis.connection import RedisConnectionError
from roomcast.contract.envelope import (
    ControlMessage,
    Disconnected,
    Kicked,
    NodeOrder,
    ProfileChanged,
    Revoked,
    RoomChanged,
    Sanctioned,
)
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import ROOM, AuthRefresh
from roomcast.contract.keys import CONTROL
from roomcast.gateway.chat.ports import EventSender
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.wire.envelope import Reader, pack

_RETRY_SECONDS: Final = 0.5
_CHECKED_AT_ONCE: Final = 100


class RoomMembership(Protocol):
    """Takes sessions out of rooms; see `roomcast.gateway.chat.joining.RoomJoins`."""

    async def remove_session(self, session: ChatSession, room: str) -> None:
        """Deliver nothing more of the room to the session."""
        ...

    async def recheck_sessions(self, sessions: Iterable[ChatSession], only: str = "") -> None:
        """Take the sessions out of rooms that they may not be in any more; `only`: look at this room alone."""
        ...


class Revocations(Protocol):
    """The revocations in Redis; see `roomcast.gateway.stores.rooms.RoomStore`."""

    async def is_revoked(self, identity: Identity) -> bool:
        """Return whether the user's tokens issued up to a moment, this one token, or its sign-in was revoked."""
        ...


class SignedIn(Protocol):
    """The sessions of this gateway; see `roomcast.gateway.sign_in.sessions.Sessions`."""

    def __iter__(self) -> Iterator[ChatSession]: ...

    def of_user(self, user: str) -> list[ChatSession]:
        """Return the sessions of a user."""
        ...

    def note_change(self, user: str = "") -> None:
        """Check sign-ins of a user (empty: of all) once more: something was revoked, or may have been."""
        ...

    async def refresh_token(self, session: ChatSession, p: AuthRefresh) -> dict[str, Any]:
        """Take a new token of the same user."""
        ...

    async def disconnect_session(self, session: ChatSession) -> None:
        """Disconnect a client that may not stay."""
        ...


class ControlChannel(Protocol):
    """Subscribes to the control channel, and runs tasks; see `roomcast.adapter.manager.RedisAdapter`."""

    def subscribe(self, channel: str, handler: Callable[[bytes], None], unsealed: Unsealed) -> object:
        """Call `handler` with what is published on the channel; `unsealed`: see `ChannelHandlers`."""
        ...

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> object:
        """Run what outlives its caller."""
        ...


class ControlPublisher:
    """Sends control messages to all gateways, this one included."""

    def __init__(self, adapter: RedisAdapter) -> None:
        self._adapter = adapter

    async def publish_control(self, message: ControlMessage) -> None:
        """Wake all gateways. Raises RoomcastError(UNAVAILABLE) when Redis is away."""
        try:
            await self._adapter.backplane.publish(CONTROL, pack(message))
        except RedisConnectionError as error:
            raise RoomcastError(Code.UNAVAILABLE) from error


class SessionControl:
    """Applies control messages to the sessions of this gateway, and `auth:refresh`."""

    def __init__(
        self,
        adapter: ControlChannel,
        sessions: SignedIn,
        store: Revocations,
        emitter: EventSender,
        membership: RoomMembership,
        *,
        is_banned: Callable[[str], Awaitable[bool]],
        on_sanctioned: Callable[[Sanctioned], None],
        on_order: Callable[[NodeOrder], None],
        on_kicked: Callable[[Kicked], None],
        on_room_changed: Callable[[RoomChanged], None],
        on_profile_changed: Callable[[ProfileChanged], None],
    ) -> None:
        self._adapter = adapter
        self._sessions = sessions
        self._store = store
        self._emitter = emitter
        self._membership = membership
        self._is_banned = is_banned
        self._on_sanctioned = on_sanctioned
        self._on_order = on_order
        self._on_kicked = on_kicked
        self._on_room_changed = on_room_changed
        self._on_profile_changed = on_profile_changed
        self._reader = Reader(ControlMessage)

    def subscribe(self) -> None:
        """Receive control messages from now on."""
        self._adapter.subscribe(CONTROL, lambda data: self.apply(self._reader.unpack(data)), self._is_allowed)

    def _is_allowed(self, data: bytes) -> bool:
        """Tell whether every back end may send this message: all but an operator's order to a gateway."""
        return not isinstance(self._reader.unpack(data), NodeOrder)

    def apply(self, message: ControlMessage) -> None:
        """Apply a message in the background.

        Ordinary users cause most of them, as often as their limits allow. So a message costs as much as it concerns
        sessions, however many others are here.
        """
        if isinstance(message, Revoked) or (isinstance(message, Sanctioned) and not message.room):
            self._sessions.note_change(message.user)
        if isinstance(message, Sanctioned):
            self._on_sanctioned(message)
        elif isinstance(message, NodeOrder):
            self._on_order(message)
        elif isinstance(message, RoomChanged):
            self._on_room_changed(message)
        elif isinstance(message, ProfileChanged):
            self._on_profile_changed(message)
        elif isinstance(message, Revoked):
            check = partial(self.check_revocations, message.user, message.token, message.session)
            self._adapter.background(_until_answered(check), "revocations")
        elif isinstance(message, Disconnected):
            self._adapter.background(self._disconnect(message.user), "disconnect")
        else:
            self._on_kicked(message)
            self._adapter.background(self._kick(message), "kick")

    async def refresh_token(self, session: ChatSession, p: AuthRefresh) -> dict[str, Any]:
        """Answer `auth:refresh`: take the new token, and leave the rooms that it does not open."""
        session.limit.charge(rows=len(session.rooms))
        answer = await self._sessions.refresh_token(session, p)
        await self._membership.recheck_sessions([session])
        return answer

    async def recheck_all(self) -> None:
        """Check every session and its rooms, for control messages may have been missed. Repeats until Redis answers."""
        self._sessions.note_change()
        await _until_answered(self._recheck_all)

    async def _recheck_all(self) -> None:
        await self.check_revocations()
        await self._membership.recheck_sessions(list(self._sessions))

    async def check_revocations(self, user: str = "", token: str = "", sign_in: str = "") -> None:
        """Disconnect what was revoked or banned: of a user, a token or a sign-in; without one, among all sessions."""
        sessions = self._sessions.of_user(user) if user else self._sessions
        concerned = [session for session in sessions if _matches(session.identity, user, token, sign_in)]
        for start in range(0, len(concerned), _CHECKED_AT_ONCE):
            await asyncio.gather(*(self._check(session) for session in concerned[start : start + _CHECKED_AT_ONCE]))

    async def _check(self, session: ChatSession) -> None:
        identity = session.identity
        if await self._store.is_revoked(identity) or await self._is_banned(identity.user):
            await self._sessions.disconnect_session(session)

    async def _disconnect(self, user: str) -> None:
        """Disconnect the sessions of a user on this gateway."""
        for session in self._sessions.of_user(user):
            await self._sessions.disconnect_session(session)

    async def _kick(self, message: Kicked) -> None:
        """Take a user, or everybody, out of a room on this gateway, and tell them."""
        sessions = self._sessions if message.closed else self._sessions.of_user(message.user)
        concerned = [session for session in sessions if _is_concerned(session, message)]
        for session in concerned:
            await self._membership.remove_session(session, message.room)
        change = "closed" if message.closed else "removed"
        sids = [session.sid for session in concerned]
        self._emitter.to_sessions(sids, ROOM, {"room": message.room, "change": change})


def _matches(identity: Identity, user: str, token: str, sign_in: str) -> bool:
    """Return whether the identity has all of these that are named."""
    return user in ("", identity.user) and token in ("", identity.token_id) and sign_in in ("", identity.session_id)


def _is_concerned(session: ChatSession, message: Kicked) -> bool:
    if message.closed and message.before:
        return message.room in session.rooms and session.joined_at.get(message.room, message.before) < message.before
    if message.closed:
        return message.room in session.rooms or message.room in session.joining
    if session.user != message.user:
        return False
    return not message.before or session.joined_at.get(message.room, message.before) < message.before


async def _until_answered(check: Callable[[], Awaitable[None]]) -> None:
    """Repeat what reads Redis until that has worked once."""
    while True:
        try:
            await check()
        except RoomcastError:
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return
