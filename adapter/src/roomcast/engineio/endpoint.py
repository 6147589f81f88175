"""The HTTP endpoint: tells handshakes, polls, posts, upgrades and preflights apart, and refuses what it must."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, Final, NamedTuple

from aiohttp import web

from roomcast.engineio import environ, handshake, polling, refusals
from roomcast.engineio.admission import Admission, Decide, PlaceRequest, Withdraw, admit_all, nothing
from roomcast.engineio.core import Phase
from roomcast.engineio.handshake import Caller, Request
from roomcast.engineio.opening import Opening
from roomcast.engineio.origins import Origins
from roomcast.engineio.peers import Peers
from roomcast.engineio.refusals import Refusal, refusal_bytes, refusal_response
from roomcast.engineio.rfc6455 import POLICY_VIOLATION, TEXT, FrameParser, HandshakeError, frame
from roomcast.engineio.rules import PROTOCOL_REVISION, Reason
from roomcast.engineio.runtime import Runtime
from roomcast.engineio.session import Session
from roomcast.engineio.takeover import TakenOver, take_over
from roomcast.engineio.websocket import WebSocketLink

TRANSPORTS: Final = ("polling", "websocket")


class Entry(NamedTuple):
    """A new session that only waits for its turn; `head` answers its handshake."""

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

    async def serve(self, request: web.Request) -> web.StreamResponse:
        caller = handshake.identify(request, self._peers)
        if not handshake.is_allowed(request, caller, self._origins):
            return self._refuse(refusals.FORBIDDEN_ORIGIN)
        response = await self._respond(request, caller)
        if not isinstance(response, TakenOver):
            response.headers.update(self._origins.headers(request.headers, request.method))
        return response

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

    async def _admit(self, request: web.Request, caller: Caller) -> Refusal | None:
        """Wait for the decision about a new session."""
        decided: asyncio.Future[Refusal | None] = asyncio.get_running_loop().create_future()

        def decide(refusal: Refusal | None) -> bool:
            if not decided.done():
                decided.set_result(refusal)
            return refusal is None and request.transport is not None and not decided.cancelled()

        withdraw = self.request_place(caller, decide)
        try:
            return await decided
        finally:
            withdraw()

    def refusal(self, caller: Caller) -> Refusal | None:
        """Why there is no new session for this caller at the moment."""
        if not self.is_accepting:
            return refusals.DRAINING
        return refusals.TOO_MANY_PENDING if self._runtime.pending.is_full(caller.peer) else None

    def request_place(self, caller: Caller, decide: Decide) -> Withdraw:
        """Have it decided whether and when a new session begins; see `Admission`."""
        refusal = self.refusal(caller)
        if refusal is None:
            return PlaceRequest(caller, self._runtime.pending, self.refusal, decide).begin(self.admission)
        decide(refusal)
        return nothing

    async def _open_polling(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        session = self._runtime.create(caller.peer, Phase.POLLING)
        if not await self._announce(session, request, caller):
            return self._refuse(refusals.UNAUTHORIZED)
        return polling.payload_response(session.open_packet(self._upgrades))

    async def _open_websocket(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        head = _switching(request)
        if isinstance(head, Refusal):
            return self._refuse(head)
        session = self._runtime.create(caller.peer, Phase.WEBSOCKET)
        if not await self._announce(session, request, caller):
            return self._refuse(refusals.UNAUTHORIZED)
        link = session.link = self._link(session)
        return self._hand_over(request, session, link, head + frame(TEXT, session.open_packet([])))

    async def _announce(self, session: Session, request: web.Request, caller: Caller) -> bool:
        """Tell the application; False when it refuses the session."""
        verdict = self._call(session, request, caller)
        return self._hears(session, await verdict if isinstance(verdict, Awaitable) else verdict)

    def _call(self, session: Session, request: Request, caller: Caller) -> Any:
        return self._runtime.call_now("connect", session.sid, environ.build(request, caller.peer, caller.scheme))

    def _hears(self, session: Session, verdict: Any) -> bool:
        """What the application says of a new session."""
        if verdict is not None and verdict is not True:
            self._runtime.run(session, session.close(Reason.SERVER_DISCONNECT))
        return not session.is_closed

    # --- a WebSocket that never was aiohttp's: see `front` ---

    def examine(self, opening: Opening) -> Entry | None:
        """An opening that may have its session, when it is its turn; None when aiohttp shall say what is wrong."""
        caller = handshake.identify(opening, self._peers)
        is_welcome = "websocket" in self._transports and handshake.is_allowed(opening, caller, self._origins)
        if not is_welcome or self.refusal(caller) is not None or not handshake.wants_websocket(opening):
            return None
        try:
            return Entry(opening, caller, handshake.switching_protocols(opening))
        except HandshakeError:
            return None

    def enter(self, entry: Entry, transport: asyncio.Transport) -> None:
        """Open the session on `transport`: before this returns, unless the application takes its time."""
        session = self._runtime.create(entry.caller.peer, Phase.WEBSOCKET)
        verdict = self._call(session, entry.opening, entry.caller)
        if isinstance(verdict, Awaitable):
            transport.pause_reading()
            self._runtime.tasks.start(self._seat_later(entry, transport, session, verdict), "connect")
        else:
            self._seat(entry, transport, session, verdict)

    async def _seat_later(
        self, entry: Entry, transport: asyncio.Transport, session: Session, verdict: Awaitable[Any]
    ) -> None:
        self._seat(entry, transport, session, await verdict)

    def _seat(self, entry: Entry, transport: asyncio.Transport, session: Session, verdict: Any) -> None:
        if not self._hears(session, verdict):
            self.turn_away(entry, transport, refusals.UNAUTHORIZED)
            return
        link = session.link = self._link(session)
        if transport.is_closing():
            session.link_went(link)
        else:
            transport.set_protocol(link)
            link.join(transport, is_tls=entry.opening.scheme == "https")
            link.send(entry.head + frame(TEXT, session.open_packet([])))
            session.attach(link, transport)
            if not transport.is_reading():
                transport.resume_reading()
            if entry.opening.tail:
                link.data_received(entry.opening.tail)

    def turn_away(self, entry: Entry, transport: asyncio.Transport, refusal: Refusal) -> None:
        """Answer with a refusal, and close."""
        self._runtime.observer.refused(refusal.status, refusal.reason)
        transport.write(refusal_bytes(refusal, self._origins.headers(entry.opening.headers, "GET")))
        transport.close()

    # --- sessions that exist ---

    async def _continue(self, request: web.Request, transport: str, sid: str) -> web.StreamResponse:
        session = self._runtime.sessions.get(sid)
        if session is not None:
            session.on_time(self._runtime.now())
        if session is None or session.is_closed:
            return self._say_farewell(request, sid)
        if transport == "websocket":
            return self._upgrade(request, session)
        if request.method == "GET":
            return await polling.get(self._runtime, session, request)
        if request.method == "POST":
            return await polling.post(self._runtime, session, request)
        return self._refuse(refusals.BAD_METHOD)

    def _say_farewell(self, request: web.Request, sid: str) -> web.Response:
        payload = self._runtime.take_farewell(sid) if request.method == "GET" else None
        return self._refuse(refusals.UNKNOWN_SESSION) if payload is None else polling.payload_response(payload)

    def _upgrade(self, request: web.Request, session: Session) -> web.StreamResponse:
        head = _switching(request)
        if isinstance(head, Refusal):
            return self._refuse(head)
        if not self._upgrades:
            return self._refuse(refusals.BAD_REQUEST)
        if not session.probe_attached(self._runtime.now()):
            return self._turn_away(request, head)
        self._runtime.watch(session)
        link = session.probe = self._link(session, is_probe=True)
        return self._hand_over(request, session, link, head)

    def _turn_away(self, request: web.Request, head: bytes) -> web.StreamResponse:
        """A second WebSocket for one session is opened and closed: the protocol's suite expects no HTTP error."""
        link = self._link(None)
        if take_over(request, link) is None:
            return self._refuse(refusals.BAD_REQUEST)
        link.send(head)
        self._runtime.finish(link, POLICY_VIOLATION, b"")
        return TakenOver()

    def _link(self, session: Session | None, *, is_probe: bool = False) -> WebSocketLink:
        runtime = self._runtime
        parser = FrameParser(runtime.rules.max_payload)
        return WebSocketLink(
            session, parser, is_probe=is_probe, traffic=runtime.observer.traffic, fast_path=runtime.fast_path
        )

    def _hand_over(
        self, request: web.Request, session: Session, link: WebSocketLink, head: bytes
    ) -> web.StreamResponse:
        """Take the connection from aiohttp, and answer on it."""
        tail = take_over(request, link)
        if tail is None or link.transport is None:
            session.link_went(link)
            return self._refuse(refusals.BAD_REQUEST)
        link.send(head)
        if not link.is_probe:
            session.attach(link, link.transport)
        if tail:
            link.data_received(tail)
        return TakenOver()

    def _refuse(self, refusal: Refusal) -> web.Response:
        self._runtime.observer.refused(refusal.status, refusal.reason)
        return refusal_response(refusal)


def _switching(request: web.Request) -> bytes | Refusal:
    if request.method != "GET" or not handshake.wants_websocket(request):
        return refusals.BAD_REQUEST
    try:
        return handshake.switching_protocols(request)
    except HandshakeError as error:
        return Refusal(error.status, 3, str(error))
