"""Letting clients in and out: tokens, revocations, expiry, and what a gateway forgets when somebody goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from itertools import count
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from roomcast.adapter.manager import RedisAdapter
from roomcast.adapter.redis_connection import RedisConnectionError
from roomcast.contract.envelope import ControlMessage, Kicked, Revoked
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events import HEARTBEAT_SECONDS, ONLINE_SECONDS, READY, ROOM, AuthRefresh, Presence
from roomcast.contract.keys import CONTROL
from roomcast.gateway.chat.emitter import NAMESPACE, Emitter
from roomcast.gateway.operations.user_limits import UserLimits
from roomcast.gateway.sign_in.event_limit import EventLimit
from roomcast.gateway.sign_in.server_clock import ServerClock
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.sign_in.verifier import Verifier
from roomcast.gateway.stores.rooms import RoomStore
from roomcast.wire.envelope import Reader, pack

_LOOK_AGAIN_SECONDS: Final = 0.5
_EMPTY_CLOCK_BEATS: Final = 5
Leave = Callable[[ChatSession, str], Awaitable[None]]


class ControlChannel:
    """`control`: wakes all gateways to look again."""

    def __init__(self, adapter: RedisAdapter, hear: Callable[[Any], None]) -> None:
        self._adapter = adapter
        self._hear = hear
        self._reader = Reader(ControlMessage)

    def start(self) -> None:
        self._adapter.subscribe(CONTROL, self._take)

    async def tell(self, message: Kicked | Revoked) -> None:
        try:
            await self._adapter.backplane.publish(CONTROL, pack(message))
        except RedisConnectionError as error:
            raise RoomcastError(Code.UNAVAILABLE) from error

    def _take(self, data: bytes) -> None:
        self._hear(self._reader.unpack(data))


class Sessions:
    """Opens and closes sessions; closes those whose token expires or is revoked."""

    def __init__(
        self,
        adapter: RedisAdapter,
        verifier: Verifier,
        store: RoomStore,
        outbox: Emitter,
        *,
        user_limits: UserLimits,
        limits: dict[str, int],
        issue_ticket: Callable[[], str],
        on_open: Callable[[ChatSession], None],
        on_close: Callable[[ChatSession], Awaitable[None]],
    ) -> None:
        self._adapter = adapter
        self._verifier = verifier
        self._store = store
        self._outbox = outbox
        self._user_limits = user_limits
        self._limits = limits
        self._issue_ticket = issue_ticket
        self._on_open = on_open
        self._on_close = on_close
        self._sessions: dict[str, ChatSession] = {}
        self._clock = ServerClock()
        verifier.clock = self._clock.now

    def __len__(self) -> int:
        return len(self._sessions)

    def session(self, sid: str) -> ChatSession | None:
        return self._sessions.get(sid)

    # --- in ---

    async def open(self, sid: str, eio_sid: str, auth: Any) -> ChatSession:
        """Sign a client in by `auth`: `{token, status?, note?}`.

        Raises RoomcastError: UNAUTHORIZED, REVOKED, UNAVAILABLE, or what is wrong with the status or the note.
        """
        if not self._clock.is_read:  # the very first clients
            self._clock.read(await self._store.now_ms())
        identity = await self._verifier.verify(auth.get("token") if isinstance(auth, dict) else None)
        if await self._store.is_revoked(identity.user, identity.token_id, identity.issued):
            raise RoomcastError(Code.REVOKED)
        presence = read_presence(auth)
        self._store.note_name(identity.user, identity.name)
        limit = self._user_limits.add_connection(identity.user)
        session = ChatSession(sid, eio_sid, identity, EventLimit(limit.bucket, limit.patience))
        if presence.status is not None:
            session.set_own_status(presence.status, presence.note or "")
        self._sessions[sid] = session
        self._outbox.add_device(identity.user, sid)
        self._on_open(session)
        asyncio.get_running_loop().call_soon(self._greet, session)
        return session

    def _greet(self, session: ChatSession) -> None:
        """`ready`, right behind the packet that accepts the connection."""
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
        self._outbox.to_sessions([session.sid], READY, ready)

    async def refresh(self, session: ChatSession, p: AuthRefresh) -> dict[str, Any]:
        """A new token for the same person."""
        identity = await self._verifier.verify(p.token)
        if identity.user != session.user:
            raise RoomcastError(Code.UNAUTHORIZED)
        if await self._store.is_revoked(identity.user, identity.token_id, identity.issued):
            raise RoomcastError(Code.REVOKED)
        session.identity = replace(identity, name=session.identity.name)
        return {"expires": int(identity.expires * 1000)}

    # --- out ---

    async def close(self, session: ChatSession) -> None:
        """Forget a session that has gone. Idempotent."""
        if self._sessions.pop(session.sid, None) is None:
            return
        session.is_closed = True
        self._user_limits.remove_connection(session.user)
        self._outbox.remove_device(session.user, session.sid)
        await self._on_close(session)

    async def dismiss(self, session: ChatSession) -> None:
        """Disconnect a client that may not stay; it does not come back by itself."""
        await self._adapter.server.disconnect(session.sid, namespace=NAMESPACE)
        await self._adapter.server.eio.disconnect(session.eio_sid)

    # --- expiry and revocation ---

    async def watch_expiries(self) -> None:
        """Runs for ever: closes sessions whose token has expired, within two seconds."""
        for beats in count():
            if self._sessions or beats % _EMPTY_CLOCK_BEATS == 0:
                with suppress(RoomcastError):  # without Redis the clock runs on by itself
                    self._clock.read(await self._store.now_ms())
            await self._adapter.ticker.wait()
            now = self._clock.now()
            for session in [one for one in self._sessions.values() if one.identity.expires <= now]:
                self._adapter.background(self.dismiss(session), "token expiry")

    async def check_revocations(self, user: str = "", token: str = "") -> None:
        """Look again at the sessions of a user, or with a token, or (neither) at all of them."""
        for session in list(self._sessions.values()):
            identity = session.identity
            if (user and identity.user != user) or (token and identity.token_id != token):
                continue
            if await self._store.is_revoked(identity.user, identity.token_id, identity.issued):
                await self.dismiss(session)

    async def look_again(self, recheck: Callable[[list[ChatSession]], Awaitable[None]]) -> None:
        """Check every session and its rooms: control messages may have been missed. Repeats until Redis answers."""

        async def check() -> None:
            await self.check_revocations()
            await recheck(list(self._sessions.values()))

        await _until_answered(check)

    def hear_control(self, message: Kicked | Revoked, leave: Leave) -> None:
        if isinstance(message, Revoked):
            check = partial(self.check_revocations, message.user, message.token)
            self._adapter.background(_until_answered(check), "revocations")
        else:
            self._adapter.background(self._kick(message, leave), "kick")

    async def _kick(self, message: Kicked, leave: Leave) -> None:
        """Take a person (or everybody) out of a room on this gateway, and say so."""
        concerned = [
            session
            for session in list(self._sessions.values())
            if session.user == message.user
            or (message.closed and (message.room in session.rooms or message.room in session.joining))
        ]
        for session in concerned:
            await leave(session, message.room)
        change = "closed" if message.closed else "removed"
        sids = [session.sid for session in concerned]
        self._outbox.to_sessions(sids, ROOM, {"room": message.room, "change": change})


async def _until_answered(check: Callable[[], Awaitable[None]]) -> None:
    """Repeat what reads Redis until that has worked once."""
    while True:
        try:
            await check()
        except RoomcastError:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return


def read_presence(auth: Any) -> Presence:
    """Return the status and note in a client's `auth`; raise TOO_LARGE for a long note, else BAD_REQUEST. Pure."""
    if not isinstance(auth, dict) or auth.get("status") is None:
        return Presence()
    try:
        return msgspec.convert({"status": auth["status"], "note": auth.get("note")}, Presence)
    except msgspec.ValidationError as error:
        code = Code.TOO_LARGE if " of length <= " in str(error) else Code.BAD_REQUEST
        raise RoomcastError(code, f"auth: {error}") from None
