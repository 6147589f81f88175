"""The signed-in sessions of one gateway: sign-in, token refresh, expiry, sign-out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from itertools import count
from typing import Any, Final

import msgspec
import orjson
from msgspec.structs import replace

from roomcast.adapter.manager import RedisAdapter
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.server_events import READY
from roomcast.contract.events.sign_in import AuthRefresh, ConnectPresence
from roomcast.contract.limits import HEARTBEAT_SECONDS, ONLINE_SECONDS
from roomcast.gateway.chat.emitter import NAMESPACE, Emitter
from roomcast.gateway.operations.daily_bytes import DailyBytes
from roomcast.gateway.operations.user_limits import UserLimits
from roomcast.gateway.presence.notes import NO_NOTE, read_note
from roomcast.gateway.sign_in.event_limit import EventLimit
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.redis_clock import RedisClock
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.sign_in.verifier import Verifier
from roomcast.gateway.stores.rooms import RoomStore

_IDLE_CLOCK_TICKS: Final = 5
"""Ticks (one a second) between two reads of Redis's clock while no client is signed in."""
_MAX_CHECKS: Final = 20
"""Most checks for revocations and bans in one sign-in."""


class _Check:
    """A check in progress. `is_stale`: the user may have been revoked or banned since the check began."""

    is_stale = False


class Sessions:
    """Signs clients in and out, and disconnects clients whose token expires. Iteration is over a copy."""

    def __init__(
        self,
        adapter: RedisAdapter,
        verifier: Verifier,
        store: RoomStore,
        emitter: Emitter,
        *,
        user_limits: UserLimits,
        daily_bytes: DailyBytes,
        limits: dict[str, int],
        issue_ticket: Callable[[], str],
        note_sign_in: Callable[[Identity], object],
        is_banned: Callable[[str], Awaitable[bool]],
        on_open: Callable[[ChatSession], None],
        on_close: Callable[[ChatSession], Awaitable[None]],
    ) -> None:
        self._adapter = adapter
        self._verifier = verifier
        self._store = store
        self._emitter = emitter
        self._user_limits = user_limits
        self._daily_bytes = daily_bytes
        self._limits = limits
        self._issue_ticket = issue_ticket
        self._note_sign_in = note_sign_in
        self._is_banned = is_banned
        self._on_open = on_open
        self._on_close = on_close
        self._sessions: dict[str, ChatSession] = {}
        self._by_user: dict[str, dict[str, ChatSession]] = {}
        self._checks: dict[str, list[_Check]] = {}
        """User -> the checks for revocations and bans that are in progress."""
        self._clock = RedisClock()
        verifier.clock = self._clock.now

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[ChatSession]:
        return iter(list(self._sessions.values()))

    def of_user(self, user: str) -> list[ChatSession]:
        """Return the sessions of a user on this gateway."""
        return list(self._by_user.get(user, {}).values())

    def now_ms(self) -> float:
        """Return the time by Redis's clock, in ms."""
        return self._clock.now() * 1000

    # --- sign-in ---

    async def sign_in(self, sid: str, eio_sid: str, auth: Any) -> ChatSession:
        """Sign a client in by `auth`: `{token, status?, note?, until?, kind?}`.

        Raises RoomcastError: UNAUTHORIZED, REVOKED, BANNED, RATE_LIMITED, UNAVAILABLE; BAD_REQUEST or TOO_LARGE for a
        status or note.
        """
        if not self._clock.is_set:  # only for the first clients after the start
            self._clock.set_to(await self._store.now_ms())
        identity = await self._verifier.verify(auth.get("token") if isinstance(auth, dict) else None)
        self._user_limits.require_place(identity.user)
        presence = read_presence(auth)
        note = read_note(presence, self.now_ms()) or NO_NOTE
        identity = await self._checked(identity)  # do not await from here until `of_user` finds the session
        session = self._open(sid, eio_sid, self._issued_by_now(identity), kind=presence.kind or "")
        if presence.status is not None:
            session.set_own_status(presence.status, note.at(self.now_ms()))
        self._note_sign_in(session.identity)
        self._emitter.add_device(session.user, sid)
        self._on_open(session)
        asyncio.get_running_loop().call_soon(self._greet, session)
        return session

    def _open(self, sid: str, eio_sid: str, identity: Identity, *, kind: str) -> ChatSession:
        """Make and store the session of a checked client. It shares the limits of its user's other sessions."""
        self._store.note_name(identity.user, identity.name)
        limit = self._user_limits.add_connection(identity.user)
        session = ChatSession(
            sid,
            eio_sid,
            identity,
            EventLimit(limit.bucket, limit.patience, limit.reads),
            allowance=self._daily_bytes.add_connection(identity.user),
            free_joins=limit.free_joins,
            custom_events=limit.custom_events,
            kind=kind,
        )
        self._sessions[sid] = session
        self._by_user.setdefault(identity.user, {})[sid] = session
        return session

    def _greet(self, session: ChatSession) -> None:
        """Send `ready` directly after the packet that accepts the connection."""
        ready = {
            "user": session.user,
            "name": session.identity.name,
            "session": session.sid,
            "node": self._adapter.node,
            "server_time": int(self._clock.now() * 1000),
            "heartbeat_seconds": HEARTBEAT_SECONDS,
            "online_seconds": ONLINE_SECONDS,
            "limits": self._limits,
            "ticket": self._issue_ticket(),
        }
        self._emitter.to_sessions([session.sid], READY, ready)

    async def refresh_token(self, session: ChatSession, p: AuthRefresh) -> dict[str, Any]:
        """Replace the session's token by a new token of the same user.

        The session keeps its display name. If the new token has another name, picture or data than the last token, they
        are stored, and a `ProfileChanged` message renames the sessions of the user.
        """
        identity = await self._verifier.verify(p.token)
        if identity.user != session.user:
            raise RoomcastError(Code.UNAUTHORIZED)
        identity = await self._checked(identity, reads_name=False)
        session.identity = replace(self._issued_by_now(identity), name=session.identity.name)
        if _profile_of(identity) != _profile_of(session.signed):
            self._note_sign_in(identity)
        session.signed = identity
        return {"expires": int(identity.expires * 1000)}

    async def _checked(self, identity: Identity, *, reads_name: bool = True) -> Identity:
        """Return the identity, by default with its stored name if the token has none. Raise REVOKED or BANNED.

        Repeats the check if the user may have been revoked or banned during the check or the read of the name, because
        a control message that arrives in that time does not find the session yet.
        """
        for _ in range(_MAX_CHECKS):
            checks, check = self._checks.setdefault(identity.user, []), _Check()
            checks.append(check)
            try:
                await self._refuse_revoked_or_banned(identity)
                named = await self._with_stored_name(identity) if reads_name else identity
            finally:
                checks.remove(check)
                if not checks:
                    self._checks.pop(identity.user, None)
            if not check.is_stale:
                return named
        raise RoomcastError(Code.UNAVAILABLE, "revocations come faster than they are read")

    async def _with_stored_name(self, identity: Identity) -> Identity:
        if identity.is_named:
            return identity
        return replace(identity, name=(await self._store.names([identity.user]))[identity.user])

    async def _refuse_revoked_or_banned(self, identity: Identity) -> None:
        """Raise REVOKED or BANNED. Both look-ups run concurrently."""
        revoked = self._store.is_revoked(identity)
        try:
            is_banned = await self._is_banned(identity.user)
        finally:
            is_revoked = await revoked
        if is_revoked:
            raise RoomcastError(Code.REVOKED)
        if is_banned:
            raise RoomcastError(Code.BANNED)

    def note_change(self, user: str = "") -> None:
        """Let sign-ins in progress of a user (empty: of all users) check revocations and bans again.

        A change of one user must not delay other users' sign-ins, because users can cause such changes as often as
        their limits allow.
        """
        for checks in [self._checks.get(user, [])] if user else self._checks.values():
            for check in checks:
                check.is_stale = True

    def _issued_by_now(self, identity: Identity) -> Identity:
        """Return the identity with `issued` at most now, so that a revocation made now applies to the token."""
        return replace(identity, issued=min(identity.issued, int(self._clock.now())))

    # --- sign-out ---

    async def sign_out(self, session: ChatSession) -> None:
        """Forget a session whose connection has ended. Idempotent."""
        if self._sessions.pop(session.sid, None) is None:
            return
        session.is_closed = True
        devices = self._by_user[session.user]
        devices.pop(session.sid, None)
        if not devices:
            del self._by_user[session.user]
        self._user_limits.remove_connection(session.user)
        self._daily_bytes.remove_connection(session.user)
        self._emitter.remove_device(session.user, session.sid)
        await self._on_close(session)

    async def disconnect_session(self, session: ChatSession) -> None:
        """Disconnect a client that may not stay connected; socket.io-client does not reconnect after this."""
        session.is_expelled = True
        await self._adapter.server.disconnect(session.sid, namespace=NAMESPACE)
        await self._adapter.server.eio.disconnect(session.eio_sid)

    # --- expiry ---

    async def watch_expiries(self) -> None:
        """Disconnect each session within two seconds after its token expires. Runs until cancelled."""
        for ticks in count():
            if self._sessions or ticks % _IDLE_CLOCK_TICKS == 0:
                with suppress(RoomcastError):  # without Redis, the monotonic clock advances the time
                    self._clock.set_to(await self._store.now_ms())
            await self._adapter.ticker.wait()
            now = self._clock.now()
            for session in [one for one in self._sessions.values() if one.identity.expires <= now]:
                self._adapter.background(self.disconnect_session(session), "token expiry")


def _profile_of(identity: Identity) -> tuple[object, ...]:
    """Return the profile fields of a token, to compare two tokens."""
    return identity.is_named and identity.name, identity.picture, identity.data


def read_presence(auth: Any) -> ConnectPresence:
    """Return the presence fields of a client's `auth`. Pure.

    Raises TOO_LARGE for a text over its limit, and BAD_REQUEST for any other fault.
    Unknown fields are refused: a misspelt `status` must not show a user who wants to be invisible.
    """
    if not isinstance(auth, dict):
        return ConnectPresence()
    said = {name: value for name, value in auth.items() if name != "token"}
    try:
        presence = msgspec.convert(said, ConnectPresence)
        orjson.dumps(said)
    except TypeError:
        raise RoomcastError(Code.BAD_REQUEST, "auth: a text is not valid Unicode") from None
    except msgspec.ValidationError as error:
        code = Code.TOO_LARGE if " of length <= " in str(error) else Code.BAD_REQUEST
        raise RoomcastError(code, f"auth: {error}") from None
    if presence.status is None and presence.note is not None:
        raise RoomcastError(Code.BAD_REQUEST, "auth: a note needs a status")
    return presence
