"""Apply control messages on every gateway: kicks, closed rooms, revocations, sanctions and operators' orders.

    back end or gateway --Kicked, RoomCreated, Revoked, …--> `control` --> SessionControl of each gateway
    operator --NodeOrder--> the same channel --> Cordon of one gateway

Redis also stores the content of each message except Disconnected and NodeOrder, so a gateway that lost its subscription
reads the content there. An operator sees whether a gateway obeyed an order, and can repeat the order.
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
    RoomCreated,
    Sanctioned,
)
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.server_events import ROOM
from roomcast.contract.events.sign_in import AuthRefresh
from roomcast.contract.keys import CONTROL
from roomcast.gateway.background.repeated_checks import RepeatedChecks, until_answered
from roomcast.gateway.chat.ports import EventSender
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.wire.envelope import Reader, pack

_CHECKED_AT_ONCE: Final = 100
"""Sessions whose revocation is checked concurrently."""


class RoomMembership(Protocol):
    """Removes sessions from rooms; see `roomcast.gateway.chat.room_joins.RoomJoins`."""

    async def remove_session(self, session: ChatSession, room: str) -> None:
        """Remove the session from the room."""
        ...

    def sessions_in(self, room: str) -> list[ChatSession]:
        """Return the sessions of this gateway that are in a room or are joining it."""
        ...

    async def recheck_sessions(self, sessions: Iterable[ChatSession], only: str = "") -> None:
        """Remove the sessions from rooms that they may no longer be in; `only` names the one room to check."""
        ...


class Revocations(Protocol):
    """The revocations in Redis; see `roomcast.gateway.stores.rooms.RoomStore`."""

    def is_revoked(self, identity: Identity) -> Awaitable[bool]:
        """Return whether this token was revoked: by itself, with its sign-in, or with the user's earlier tokens."""
        ...


class SignedIn(Protocol):
    """The sessions of this gateway; see `roomcast.gateway.sign_in.sessions.Sessions`."""

    def __iter__(self) -> Iterator[ChatSession]: ...

    def of_user(self, user: str) -> list[ChatSession]:
        """Return the sessions of a user."""
        ...

    def note_change(self, user: str = "") -> None:
        """Let sign-ins in progress of a user (empty: of all users) check revocations and bans again."""
        ...

    async def refresh_token(self, session: ChatSession, p: AuthRefresh) -> dict[str, Any]:
        """Replace the session's token by a new token of the same user."""
        ...

    async def disconnect_session(self, session: ChatSession) -> None:
        """Disconnect a client that was revoked or banned, or that a back end disconnects."""
        ...


class ControlChannel(Protocol):
    """Subscribes to the control channel, and runs tasks; see `roomcast.adapter.manager.RedisAdapter`."""

    def subscribe(self, channel: str, handler: Callable[[bytes], None], unsealed: Unsealed) -> object:
        """Call `handler` with each message that is published on the channel; `unsealed`: see `ChannelHandlers`."""
        ...

    def background(self, work: Coroutine[Any, Any, Any], name: str) -> object:
        """Run a background task that outlives its caller."""
        ...


class ControlPublisher:
    """Publishes control messages to all gateways, including this one.

    `forget_sanctions` drops the copies of a room's and of a user's sanctions on this gateway.
    """

    def __init__(self, adapter: RedisAdapter, forget_sanctions: Callable[[str, str], None]) -> None:
        self._adapter = adapter
        self._forget_sanctions = forget_sanctions

    async def publish_control(self, message: ControlMessage) -> None:
        """Publish a message to all gateways. Raises RoomcastError(UNAVAILABLE) when Redis fails.

        The next request of the client that caused a sanction is checked against this sanction, even if the request
        arrives before the message.
        """
        if isinstance(message, Sanctioned):
            self._forget_sanctions(message.room, message.user)
        try:
            await self._adapter.backplane.publish(CONTROL, pack(message))
        except RedisConnectionError as error:
            raise RoomcastError(Code.UNAVAILABLE) from error


class SessionControl:
    """Applies control messages and `auth:refresh` to the sessions of this gateway."""

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
        self._checks = RepeatedChecks(adapter.background)
        self._reader = Reader(ControlMessage)

    def subscribe(self) -> None:
        """Receive control messages from now on."""
        self._adapter.subscribe(CONTROL, lambda data: self.apply(self._reader.unpack(data)), self._is_allowed)

    def _is_allowed(self, data: bytes) -> bool:
        """Return whether a back end without the cluster key may send this message: any except an operator's order."""
        return not isinstance(self._reader.unpack(data), NodeOrder)

    def apply(self, message: ControlMessage) -> None:
        """Apply a message in the background.

        Ordinary users cause most messages, as often as their limits allow. So the cost of a message must grow with the
        sessions that it concerns, not with all sessions here.
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
            self._checks.start((message.user, message.token, message.session), check, "revocations")
        elif isinstance(message, RoomCreated):
            self._checks.start(message.room, partial(self._check_room, message.room), "members")
        elif isinstance(message, Disconnected):
            self._adapter.background(self._disconnect(message.user), "disconnect")
        else:
            self._on_kicked(message)
            self._adapter.background(self._kick(message), "kick")

    async def refresh_token(self, session: ChatSession, p: AuthRefresh) -> dict[str, Any]:
        """Answer `auth:refresh`: take the new token, and leave the rooms that the new token does not open."""
        session.limit.charge(rows=len(session.rooms))
        answer = await self._sessions.refresh_token(session, p)
        check = partial(self._membership.recheck_sessions, [session])
        try:
            await check()
        except RoomcastError:  # the new token is in force: leave the rooms as soon as Redis answers
            self._checks.start(("token", session.sid), check, "rooms of a new token")
            raise
        return answer

    async def recheck_all(self) -> None:
        """Check every session and its rooms: control messages may have been missed. Repeats until Redis answers."""
        self._sessions.note_change()
        await until_answered(self._recheck_all)

    async def _recheck_all(self) -> None:
        await self.check_revocations()
        await self._membership.recheck_sessions(list(self._sessions))

    async def check_revocations(self, user: str = "", token: str = "", sign_in: str = "") -> None:
        """Disconnect revoked and banned sessions with this user, token and sign-in; an empty text matches any."""
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

    async def _check_room(self, room: str) -> None:
        """Check the sessions here that are in a room, and remove the sessions that may not be in the room."""
        await self._membership.recheck_sessions(self._membership.sessions_in(room), room)

    async def _kick(self, message: Kicked) -> None:
        """Remove a user, or all users of a closed room, from the room on this gateway, and tell these sessions."""
        sessions = (
            self._membership.sessions_in(message.room) if message.closed else self._sessions.of_user(message.user)
        )
        concerned = [session for session in sessions if _is_concerned(session, message)]
        for session in concerned:
            await self._membership.remove_session(session, message.room)
        change = "closed" if message.closed else "removed"
        sids = [session.sid for session in concerned]
        self._emitter.to_sessions(sids, ROOM, {"room": message.room, "change": change})


def _matches(identity: Identity, user: str, token: str, sign_in: str) -> bool:
    """Return whether the identity has the given user, token and sign-in; an empty text matches any."""
    return user in ("", identity.user) and token in ("", identity.token_id) and sign_in in ("", identity.session_id)


def _is_concerned(session: ChatSession, message: Kicked) -> bool:
    if message.closed:
        return message.room in session.rooms or message.room in session.joining
    if session.user != message.user:
        return False
    return not message.before or session.joined_at.get(message.room, message.before) < message.before
