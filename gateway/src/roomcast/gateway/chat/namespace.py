"""Pass the events of Socket.IO clients to the use cases, and return the acks. Contains no rules of the chat."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec
import orjson
import socketio
from msgspec import Struct

from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.events.client_events import EVENTS
from roomcast.contract.events.server_events import TYPING
from roomcast.gateway.chat.emitter import NAMESPACE
from roomcast.gateway.operations.observer import GatewayObserver
from roomcast.gateway.sign_in.event_limit import Ruling
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.socketio.packet import Fault

AckFields = dict[str, Any]
Handler = Callable[[ChatSession, Any], Awaitable[AckFields]]
_UNACKED: Final = frozenset({TYPING})
_MAX_NAME_IN_LOG: Final = 40
_MAX_IN_FLIGHT: Final = 2_000
"""Bound on the events in progress, of all clients together. The gateway refuses further events, to bound its memory."""
_OVER_LIMIT: Final = " of length <= "
"""A part of msgspec's error text for a text or list that is too long."""
_log = logging.getLogger(__name__)


class SessionHooks(NamedTuple):
    """The callbacks that open and close a chat session; see `roomcast.gateway.sign_in.sessions.Sessions`."""

    open: Callable[[str, str, Any], Awaitable[ChatSession]]
    close: Callable[[ChatSession], Awaitable[None]]


class ChatNamespace(socketio.AsyncNamespace):  # type: ignore[misc]
    """Passes client events to `handlers`: one handler per name in `roomcast.contract.events.client_events.EVENTS`."""

    def __init__(
        self,
        sessions: SessionHooks,
        handlers: dict[str, Handler],
        observer: GatewayObserver,
        seen: Callable[[str], None],
        is_isolated: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(NAMESPACE)
        missing = set(EVENTS) ^ set(handlers)
        if missing:
            raise ValueError(f"handlers do not match the events: {sorted(missing)}")
        self.sessions: dict[str, ChatSession] = {}
        self._hooks = sessions
        self._handlers = {name: (EVENTS[name], handler) for name, handler in handlers.items()}
        self._observer = observer
        self._seen = seen
        self._is_isolated = is_isolated
        self.in_flight = 0
        """The number of events that are being handled."""

    async def trigger_event(self, event: str, *args: Any) -> Any:
        """Handle an event from python-socketio, `connect` and `disconnect` included; return the ack."""
        if event == "connect":
            return await self._connect(*args)
        if event == "disconnect":
            return await self._disconnect(*args)
        return await self._handle(event, *args)

    async def _connect(self, sid: str, environ: dict[str, Any], auth: Any = None) -> bool:
        eio_sid = self.server.manager.eio_sid_from_sid(sid, NAMESPACE) or ""
        try:
            session = await self._hooks.open(sid, eio_sid, auth)
        except RoomcastError as error:
            self._observer.refused(error.code.reason)
            if error.code.retryable:
                # socket.io-client never connects again after a refusal, but reconnects after a lost transport.
                self.server.eio.close_for_reconnect(eio_sid)
            raise socketio.exceptions.ConnectionRefusedError(error.code.reason, error.to_wire()) from None
        if self.server.manager.eio_sid_from_sid(sid, NAMESPACE) is None:
            await self._hooks.close(session)  # the transport closed during the sign-in
            return False
        self.sessions[sid] = session
        self._observer.connected()
        return True

    async def _disconnect(self, sid: str, reason: str = "") -> None:
        session = self.sessions.pop(sid, None)
        if session is not None:
            if session.tickets is not None:
                session.tickets.clear()  # the Engine.IO session uses the same dict
            self._observer.disconnected(reason)
            await self._hooks.close(session)

    async def refuse_event(self, sid: str, fault: Fault) -> Any:
        """Return the ack of an event that must not be handled; the event counts against the client's limits."""

        async def refuse(session: ChatSession) -> AckFields:
            raise _error_of(fault)

        return await self._answer("", sid, refuse)

    def refuse_connect(self, fault: Fault) -> dict[str, Any]:
        """Return the connect error for a CONNECT that must not be handled."""
        error = _error_of(fault)
        return {"message": error.code.reason, "data": error.to_wire()}

    async def _handle(self, event: str, sid: str, *args: Any) -> Any:
        async def handle(session: ChatSession) -> AckFields:
            return await self._dispatch(session, event, args)

        answer = await self._answer(event, sid, handle)
        return None if event in _UNACKED else answer

    async def _answer(self, event: str, sid: str, handle: Callable[[ChatSession], Awaitable[AckFields]]) -> Any:
        """Return the ack of an event, within the limits of the session and of the gateway."""
        started = time.perf_counter()
        session = self.sessions.get(sid)
        if session is None:
            return self.server.not_handled  # the session has just been disconnected: send no ack
        self._seen(session.sid)
        self.in_flight += 1
        try:
            await self._check_limits(session)
            answer = await handle(session)
        except RoomcastError as error:
            answer, outcome = _refusal(error), error.code.reason
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception("handler of %s failed", event[:_MAX_NAME_IN_LOG])
            answer, outcome = _refusal(RoomcastError(Code.INTERNAL)), Code.INTERNAL.reason
        else:
            answer["ok"], outcome = True, "ok"
        finally:
            self.in_flight -= 1
        self._observer.event(event if event in EVENTS else "unknown", outcome, time.perf_counter() - started)
        return answer

    async def _check_limits(self, session: ChatSession) -> None:
        """Count the event; raise RATE_LIMITED above a limit, and UNAVAILABLE while the gateway is isolated."""
        ruling = session.limit.rule(time.monotonic())
        if ruling is Ruling.CUT:
            await self.server.disconnect(session.sid, namespace=NAMESPACE)
        if ruling is not Ruling.ALLOWED:
            raise RoomcastError(Code.RATE_LIMITED, retry_after=session.limit.retry_after())
        if self.in_flight > _MAX_IN_FLIGHT:
            raise RoomcastError(Code.RATE_LIMITED, "overloaded", retry_after=1.0)
        if self._is_isolated():
            raise RoomcastError(Code.UNAVAILABLE, "this gateway lost its connection to Redis and is not ready again")

    async def _dispatch(self, session: ChatSession, event: str, args: tuple[Any, ...]) -> AckFields:
        known = self._handlers.get(event)
        if known is None:
            raise RoomcastError(Code.UNKNOWN_EVENT)
        payload_type, handler = known
        return await handler(session, read_payload(payload_type, args))


def read_payload(payload_type: type[Struct], args: tuple[Any, ...]) -> Struct:
    """Return the payload in the arguments of an event. Pure.

    Raises TOO_LARGE for a value over a limit, and BAD_REQUEST for any other fault, such as an unknown field. Half a
    UTF-16 surrogate pair is a fault, too: it is valid JSON, but cannot be encoded as UTF-8.
    """
    if len(args) != 1 or not isinstance(args[0], dict):
        raise RoomcastError(Code.BAD_REQUEST, "an event needs exactly one argument, an object")
    try:
        payload = msgspec.convert(args[0], payload_type)
        orjson.dumps(args[0])
    except msgspec.ValidationError as error:
        reason = str(error)
        raise RoomcastError(Code.TOO_LARGE if _OVER_LIMIT in reason else Code.BAD_REQUEST, reason) from None
    except (TypeError, UnicodeEncodeError):
        raise RoomcastError(Code.BAD_REQUEST, "the payload is not JSON: binary data, or invalid Unicode") from None
    return payload


def _error_of(fault: Fault) -> RoomcastError:
    return RoomcastError(Code.TOO_LARGE if fault.is_too_large else Code.BAD_REQUEST, fault.detail)


def _refusal(error: RoomcastError) -> AckFields:
    return {"ok": False, "error": error.to_wire()}
