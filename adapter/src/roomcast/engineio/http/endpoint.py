"""The HTTP endpoint: serves handshakes, polls, posts, upgrades and preflights, and refuses other requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from typing import Any, Final, NamedTuple

from aiohttp import HttpVersion11, web

from roomcast.engineio.core import Phase
from roomcast.engineio.fair_turns import Turns
from roomcast.engineio.http import environ, handshake, polling, refusals
from roomcast.engineio.http.handshake import Caller, Request
from roomcast.engineio.http.origins import Origins
from roomcast.engineio.http.refusals import Refusal, refusal_bytes, refusal_response
from roomcast.engineio.limits.admission import Admission, Decide, PlaceRequest, Withdraw, admit_all, withdraw_nothing
from roomcast.engineio.limits.client_addresses import Peers
from roomcast.engineio.rules import PROTOCOL_REVISION, Reason
from roomcast.engineio.runtime import Runtime
from roomcast.engineio.session import Session
from roomcast.engineio.websocket.detach import Detached, detach, on_client_gone
from roomcast.engineio.websocket.opening import Opening
from roomcast.engineio.websocket.rfc6455 import POLICY_VIOLATION, TEXT, HandshakeError, frame
from roomcast.engineio.websocket.transport import WebSocketConnection
from roomcast.wire.limited_log import LimitedLog

TRANSPORTS: Final = ("polling", "websocket")
_MAX_LOGGED: Final = 200
_log = LimitedLog(logging.getLogger(__name__))


class DirectSession(NamedTuple):
    """A new session that passed all checks and waits for admission. `head` is the HTTP response to its handshake."""

    opening: Opening
    caller: Caller
    head: bytes


class Endpoint:
    """Serves the requests of clients over the sessions of `runtime`."""

    def __init__(
        self, runtime: Runtime, origins: Origins, peers: Peers, transports: Iterable[str], *, allow_upgrades: bool
    ) -> None:
        self._transports = tuple(transports)
        if not self._transports or set(self._transports) - set(TRANSPORTS):
            raise ValueError(f"transports are {' and '.join(TRANSPORTS)}")
        self._runtime = runtime
        self._origins = origins
        self._peers = peers
        self._upgrades = ["websocket"] if allow_upgrades and "websocket" in self._transports else []
        self.is_accepting = True
        self.admission: Admission = admit_all

    @property
    def turns(self) -> Turns:
        """The queue of work that waits for a later turn of the loop."""
        return self._runtime.turns

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        if not handshake.names_one_host(request):
            return self._refuse(refusals.BAD_REQUEST)
        caller = handshake.identify(request, self._peers)
        if not handshake.is_allowed(request, caller, self._origins):
            self._log_origin(request, caller)
            return self._refuse(refusals.FORBIDDEN_ORIGIN)
        response = await self._respond(request, caller)
        if not isinstance(response, Detached):
            response.headers.update(self._origins.headers(request.headers, request.method))
        return response

    def _log_origin(self, request: Request, caller: Caller) -> None:
        origin = ", ".join(request.headers.getall("Origin", ()))[:_MAX_LOGGED]
        ours = ", ".join(f"{caller.scheme}://{host}" for host in caller.hosts)[:_MAX_LOGGED]
        _log.warning("origin", "origin %r refused: reached as %r, allowed is %s", origin, ours, self._origins)

    async def _respond(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        if request.method == "OPTIONS":
            return web.Response(status=204)
        transport = request.query.get("transport")
        if transport not in self._transports:
            return self._refuse(refusals.UNKNOWN_TRANSPORT)
        if request.query.get("EIO") != PROTOCOL_REVISION:
            return self._refuse(refusals.UNSUPPORTED_VERSION)
        sid = request.query.get("sid")
        if sid is not None:
            return await self._continue(request, transport, sid)
        if request.method != "GET":
            return self._refuse(refusals.BAD_METHOD)
        refusal = await self._admit(request, caller)
        if refusal is not None:
            return self._refuse(refusal)
        return await (self._open_polling if transport == "polling" else self._open_websocket)(request, caller)

    # --- admission ---

    async def _admit(self, request: web.Request, caller: Caller) -> Refusal | None:
        """Wait for the decision about a new session."""
        decided: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()

        def decide(refusal: Refusal | None) -> bool:
            if not decided.done():
                decided.set_result(refusal)
            return refusal is None and request.transport is not None and not decided.cancelled()

        withdraw = self.request_place(caller, decide)
        if not decided.done():
            on_client_gone(request, lambda: _give_up(decided, withdraw))
        try:
            return await decided
        finally:
            withdraw()

    def refusal_for(self, caller: Caller) -> Refusal | None:
        """Return the reason to refuse this caller a session, or None. May end a slow pending session of its address."""
        if not self.is_accepting:
            return refusals.DRAINING
        return None if self._runtime.ensure_pending_capacity(caller.peer) else refusals.TOO_MANY_PENDING

    def request_place(self, caller: Caller, decide: Decide) -> Withdraw:
        """Ask `admission` for a new session; `decide` gets the answer. Return a function that withdraws the request."""
        refusal = self.refusal_for(caller)
        if refusal is None:
            return PlaceRequest(caller, self._runtime.pending, self.refusal_for, decide).begin(self.admission)
        decide(refusal)
        return withdraw_nothing

    # --- new sessions of aiohttp's connections ---

    async def _open_polling(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        session = self._runtime.create(caller.peer, Phase.POLLING)
        if not await self._announce(session, request, caller):
            return self._refuse(refusals.UNAUTHORIZED)
        return polling.payload_response(session.core.open_packet(self._upgrades))

    async def _open_websocket(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        head = _switching(request)
        if isinstance(head, Refusal):
            return self._refuse(head)
        session = self._runtime.create(caller.peer, Phase.WEBSOCKET)
        if not await self._announce(session, request, caller):
            return self._refuse(refusals.UNAUTHORIZED)
        connection = session.connection = self._runtime.connect(session)
        return self._take_over(request, session, connection, head + frame(TEXT, session.core.open_packet([])))

    async def _announce(self, session: Session, request: web.Request, caller: Caller) -> bool:
        """Tell the application; return False if it refuses the session."""
        verdict = self._call(session, request, caller)
        return self._apply_verdict(session, await verdict if isinstance(verdict, Awaitable) else verdict)

    def _call(self, session: Session, request: Request, caller: Caller) -> Any:
        return self._runtime.call_now("connect", session.sid, environ.build(request, caller.peer, caller.scheme))

    def _apply_verdict(self, session: Session, verdict: Any) -> bool:
        """Close the session if the application refuses it. Return whether the session is still open."""
        if verdict is not None and verdict is not True:
            session.close(Reason.SERVER_DISCONNECT)
        return not session.is_closed

    # --- new sessions without aiohttp: see `listener` ---

    def examine(self, opening: Opening) -> DirectSession | None:
        """Return the session to open once it is admitted, or None if aiohttp must answer the request.

        A session that is not admitted is refused without aiohttp, too. In a mass reconnect most callers are refused,
        and a refusal by aiohttp takes ten times as long.
        """
        if not handshake.names_one_host(opening) or "websocket" not in self._transports:
            return None
        caller = handshake.identify(opening, self._peers)
        is_welcome = handshake.is_allowed(opening, caller, self._origins)
        if not is_welcome or not handshake.wants_websocket(opening):
            return None
        try:
            return DirectSession(opening, caller, handshake.switching_protocols(opening))
        except HandshakeError:
            return None

    def start_direct(self, direct: DirectSession, transport: asyncio.Transport, early: bytes) -> None:
        """Open the session on `transport`.

        The session opens before this method returns, unless the application's verdict is awaitable. `early` contains
        the bytes that the client sent after its request, while it waited for admission.
        """
        session = self._runtime.create(direct.caller.peer, Phase.WEBSOCKET)
        verdict = self._call(session, direct.opening, direct.caller)
        if isinstance(verdict, Awaitable):
            transport.pause_reading()
            self._runtime.tasks.start(self._open_direct_later(direct, transport, session, verdict, early), "connect")
        else:
            self._open_direct(direct, transport, session, verdict, early)

    async def _open_direct_later(
        self,
        direct: DirectSession,
        transport: asyncio.Transport,
        session: Session,
        verdict: Awaitable[Any],
        early: bytes,
    ) -> None:
        self._open_direct(direct, transport, session, await verdict, early)

    def _open_direct(
        self, direct: DirectSession, transport: asyncio.Transport, session: Session, verdict: Any, early: bytes
    ) -> None:
        if not self._apply_verdict(session, verdict):
            self.refuse_direct(direct, transport, refusals.UNAUTHORIZED)
            return
        connection = session.connection = self._runtime.connect(session)
        if transport.is_closing():
            session.connection_ended(connection)
            return
        transport.set_protocol(connection)
        connection.join(transport, is_tls=direct.opening.scheme == "https")
        connection.send(direct.head + frame(TEXT, session.core.open_packet([])))
        session.attach(connection, transport)
        if not transport.is_reading():
            transport.resume_reading()
        if tail := direct.opening.tail + early:
            connection.data_received(tail)

    def refuse_direct(self, direct: DirectSession, transport: asyncio.Transport, refusal: Refusal) -> None:
        """Answer with a refusal, and close the connection."""
        self._runtime.observer.refused(refusal.status, refusal.reason)
        transport.write(refusal_bytes(refusal, self._origins.headers(direct.opening.headers, "GET")))
        transport.close()

    # --- existing sessions ---

    async def _continue(self, request: web.Request, transport: str, sid: str) -> web.StreamResponse:
        session = self._runtime.sessions.get(sid)
        if session is not None:
            session.on_time(self._runtime.now())
        if session is None or session.is_closed:
            return self._answer_after_end(request, sid)
        if transport == "websocket":
            return self._upgrade(request, session)
        if request.method == "GET":
            return await polling.get(self._runtime, session, request)
        if request.method == "POST":
            return await polling.post(self._runtime, session, request)
        return self._refuse(refusals.BAD_METHOD)

    def _answer_after_end(self, request: web.Request, sid: str) -> web.Response:
        payload = self._runtime.take_kept_payload(sid) if request.method == "GET" else None
        return self._refuse(refusals.UNKNOWN_SESSION) if payload is None else polling.payload_response(payload)

    def _upgrade(self, request: web.Request, session: Session) -> web.StreamResponse:
        head = _switching(request)
        if isinstance(head, Refusal):
            return self._refuse(head)
        if not self._upgrades:
            return self._refuse(refusals.BAD_REQUEST)
        if not session.core.probe_attached(self._runtime.now()):
            return self._refuse_upgrade(request, head)
        self._runtime.watch(session)
        connection = session.probe = self._runtime.connect(session, is_probe=True)
        return self._take_over(request, session, connection, head)

    def _refuse_upgrade(self, request: web.Request, head: bytes) -> web.StreamResponse:
        """Accept a second WebSocket of one session, then close it: the Engine.IO test suite expects no HTTP error."""
        connection = self._runtime.connect(None)
        if detach(request, connection) is None:
            return self._refuse(refusals.BAD_REQUEST)
        connection.send(head)
        self._runtime.finish(connection, POLICY_VIOLATION, b"")
        return Detached()

    def _take_over(
        self, request: web.Request, session: Session, connection: WebSocketConnection, head: bytes
    ) -> web.StreamResponse:
        """Take the connection over from aiohttp, and send `head` on it."""
        tail = detach(request, connection)
        if tail is None or connection.transport is None:
            session.connection_ended(connection)
            return self._refuse(refusals.BAD_REQUEST)
        connection.send(head)
        if not connection.is_probe:
            session.attach(connection, connection.transport)
        if tail:
            connection.data_received(tail)
        return Detached()

    def _refuse(self, refusal: Refusal) -> web.Response:
        self._runtime.observer.refused(refusal.status, refusal.reason)
        return refusal_response(refusal)


async def answer_expectation(request: web.Request) -> None:
    """Send status 100 if the client waits for it. Ignore any other expectation (RFC 9110, section 10.1.1).

    aiohttp refuses other expectations by an exception, which keeps the request's memory until a garbage collection.
    """
    if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # aiohttp must not take these bytes for the beginning of the response


def _give_up(decided: asyncio.Future[Refusal | None], withdraw: Withdraw) -> None:
    """Withdraw the request of a client that has disconnected. The refusal only ends the wait; no client gets it."""
    withdraw()
    if not decided.done():
        decided.set_result(refusals.BAD_REQUEST)


def _switching(request: web.Request) -> bytes | Refusal:
    if request.method != "GET" or not handshake.wants_websocket(request):
        return refusals.BAD_REQUEST
    try:
        return handshake.switching_protocols(request)
    except HandshakeError as error:
        return Refusal(error.status, 3, str(error))
