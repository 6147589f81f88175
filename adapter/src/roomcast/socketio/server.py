"""A python-socketio server on `roomcast.engineio`, without chat logic.

    server = create_server(node="1", cors_allowed_origins="*")
    server.attach(app)          # an aiohttp application

Events of one client start in the order in which they arrived, and run concurrently. While a CONNECT or DISCONNECT of a
client is in progress, its later packets wait. While too many events of a client are in progress, the server does not
read from that client. While too many events of all clients are in progress, the server stops reading from each client
that sends an event.

The server closes the session of a client that sends a bad packet, and logs the reason. Some bad packets can come from a
correct client (see `StrictPacket`). After `answer_faults`, the server answers these packets, and the session goes on.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import fields, replace
from functools import partial
from typing import Any, Final, Protocol

import socketio
from roomcast.engineio import EngineServer, Frames, Reason, Rules, Session
from roomcast.engineio.oversized import Data, Oversized, held_size
from roomcast.socketio.backpressure import Backpressure
from roomcast.socketio.packet import TOO_LARGE, Fault, StrictPacket, in_parts
from socketio import packet as packets

ATTACHMENT_SECONDS: Final = 10.0
"""Seconds within which all attachments of a packet must arrive. Otherwise the server closes the session."""
MAX_PENDING_BYTES: Final = 16_384
"""The most bytes that a client may send until its CONNECT is accepted: a token, and packets right after it."""
MAX_REFUSED_CONNECTS: Final = 10
"""Refused CONNECTs in a row after which the server closes the session. Each CONNECT costs a check of a token."""
_LEFT_ALONE_SECONDS: Final = 1.0
"""Seconds that a session stays open after the server has disconnected it from its last namespace."""
_MAX_WAITING: Final = 256
"""The most packets of a client that wait while its CONNECT or DISCONNECT is in progress."""
_PACKETS_PER_CONNECT: Final = 8
"""A CONNECT counts as this many packets in a turn of the event loop, because a sign-in costs 0.3 ms or more. A
DISCONNECT counts the same."""
_log = logging.getLogger(__name__)


class FaultAnswers(Protocol):
    """Makes the answers to events and CONNECTs that have a fault; see `SocketServer.answer_faults`.

    Without an answer, a client would send the same packet again after each reconnect.
    """

    async def refuse_event(self, sid: str, fault: Fault) -> Any:
        """Count the event towards the limits. Return the data of its ack, or `SocketServer.not_handled` for no ack."""

    def refuse_connect(self, fault: Fault) -> dict[str, Any]:
        """Return the data of a CONNECT_ERROR: `message`, and `data` for the application."""


class SocketServer(socketio.AsyncServer):  # type: ignore[misc]
    """`socketio.AsyncServer` with `roomcast.engineio` as `eio`; see `create_server`."""

    eio: EngineServer
    manager_initialized: bool

    def __init__(self, **options: Any) -> None:
        super().__init__(receiver=self._receive, **options)
        self._busy: dict[str, deque[Data]] = {}
        self._gone: dict[str, str] = {}
        self._refused_connects: dict[str, int] = {}
        """Engine.IO session id -> refused CONNECTs since the last accepted CONNECT."""
        self._backpressure = Backpressure(self.eio.rules.max_payload)
        self._fault_answers: FaultAnswers | None = None
        self.eio.on("connect", self._opened)

    def answer_faults(self, answers: FaultAnswers) -> None:
        """From now on, answer an event or CONNECT that has a fault; until then, such a packet closes the session.

        The faults are those of `StrictPacket`, and TOO_LARGE for an event over the limit (see `max_dropped_payload`).
        """
        self._fault_answers = answers
        self.eio.pending_refusal = frames_of(self._connect_error(answers, TOO_LARGE, "/"))

    def _connect_error(self, answers: FaultAnswers, fault: Fault, namespace: str) -> Any:
        return self.packet_class(packets.CONNECT_ERROR, data=answers.refuse_connect(fault), namespace=namespace)

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    # --- packets in the order of arrival ---

    def _receive(self, session: Session, data: Data) -> None:
        """Handle a message of a client, synchronously."""
        waiting = self._busy.get(session.sid)
        if waiting is None:
            self._take(session, data)
        elif len(waiting) < _MAX_WAITING and sum(map(held_size, (*waiting, data))) <= session.rules.max_payload:
            waiting.append(data)
        else:
            self.eio.close(session.sid, Reason.OVERLOAD)

    def _take(self, session: Session, data: Data) -> None:
        try:
            packet = self._assemble(session, data)
            if packet is not None:
                self._dispatch(session, packet, held_size(data))
        except ValueError as error:
            reason = Reason.TOO_LARGE if isinstance(data, Oversized) else Reason.PARSE_ERROR
            self.eio.close(session.sid, reason, str(error))

    def _assemble(self, session: Session, data: Data) -> Any:
        """Return the packet that `data` completes. Return None while attachments are missing."""
        is_oversized = isinstance(data, Oversized)
        head = data.head if isinstance(data, Oversized) else data
        if isinstance(head, bytes):
            return self._attach(session, head, is_oversized=is_oversized)
        sid = session.sid
        if sid in self._binary_packet:
            raise ValueError("text where an attachment was announced")
        packet = StrictPacket.oversized(head) if is_oversized else self.packet_class(encoded_packet=head)
        if self._fault_answers is None and (fault := _fault_of(packet)) is not None:
            raise ValueError(fault.detail)
        if not packet.attachment_count:
            return packet
        if self._is_in_no_namespace(sid):
            raise ValueError("a packet with attachments before CONNECT")
        self._binary_packet[sid] = packet
        session.held += 1
        self.eio.expect(sid, ATTACHMENT_SECONDS, Reason.ATTACHMENT_TIMEOUT)
        return None

    def _attach(self, session: Session, attachment: bytes, *, is_oversized: bool) -> Any:
        """Return the packet that the attachment completes, or None."""
        sid = session.sid
        packet = self._binary_packet.get(sid)
        if packet is None:
            raise ValueError("an attachment that was not announced")
        if is_oversized or sum(map(len, packet.attachments)) + len(attachment) > session.rules.max_payload:
            if self._fault_answers is None or not isinstance(packet, StrictPacket):
                raise ValueError("attachments too large")
            packet.refuse(TOO_LARGE)  # for an ack it raises ValueError, and `_take` closes the session
        if not packet.add_attachment(attachment):
            return None
        del self._binary_packet[sid]
        session.held -= 1
        self.eio.fulfil(sid)
        return packet

    def _dispatch(self, session: Session, packet: Any, size: int) -> None:
        sid, namespace, kind = session.sid, packet.namespace or "/", packet.packet_type
        if kind == packets.CONNECT:
            if self.manager.sid_from_eio_sid(sid, namespace) is not None:
                raise ValueError("connected to this namespace already")
            if self._fault_answers is not None and (fault := _fault_of(packet)) is not None:
                session.push(frames_of(self._connect_error(self._fault_answers, fault, namespace)))
                return
            self._start_alone(session, partial(self._handle_connect, sid, namespace, packet.data))
        elif self.eio.is_pending(sid):
            raise ValueError("a packet before CONNECT")
        elif kind == packets.DISCONNECT:
            self._start_alone(session, partial(self._handle_disconnect, sid, namespace))
        elif kind in (packets.ACK, packets.BINARY_ACK):
            self._start(session, self._handle_ack(sid, namespace, packet.id, packet.data), size)
        else:
            self._start_event(session, namespace, packet, size)

    def _start_event(self, session: Session, namespace: str, packet: Any, size: int) -> None:
        """Start the handler of an event. Tasks start in the order in which they are made."""
        sid = self.manager.sid_from_eio_sid(session.sid, namespace)
        if not self.manager.is_connected(sid, namespace):
            return
        fault = _fault_of(packet)
        if self._fault_answers is None or fault is None:
            event = self._handle_event_internal(self, sid, session.sid, packet.data, namespace, packet.id)
        else:
            event = self._refuse_event(self._fault_answers, session.sid, sid, packet)
        self._start(session, event, size)

    async def _refuse_event(self, answers: FaultAnswers, eio_sid: str, sid: str, packet: StrictPacket) -> None:
        answer = await answers.refuse_event(sid, packet.fault or TOO_LARGE)
        if answer != self.not_handled:
            ack = self.packet_class(packets.ACK, namespace=packet.namespace, id=packet.id, data=[answer])
            await self._send_packet(eio_sid, ack)

    def take_packet(self, session: Session, packet: str) -> None:
        """Start the handler of a text packet that the fast path could not finish."""
        event = self.packet_class(encoded_packet=packet[1:])
        self._start_event(session, event.namespace or "/", event, len(packet))

    def _start(self, session: Session, coroutine: Any, size: int) -> None:
        """Run a handler. Close the session instead if the client sends far too much while reading is paused."""
        if self._backpressure.begin(session, size):
            self.eio.start_event(self._run(session, coroutine, size))
        else:
            coroutine.close()
            self.eio.close(session.sid, Reason.OVERLOAD)

    async def _run(self, session: Session, coroutine: Any, size: int) -> None:
        try:
            await coroutine
        finally:
            self._backpressure.end(session, size)

    def _start_alone(self, session: Session, handle: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a CONNECT or DISCONNECT in a later turn of the event loop. Until its end, the client's packets wait."""
        self._busy[session.sid] = deque()
        session.held += 1

        def start(packets: int) -> int:
            self.eio.start_event(self._run_alone(session, handle))
            return _PACKETS_PER_CONNECT

        self.eio.turns.add(start)

    async def _run_alone(self, session: Session, handle: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await handle()
        finally:
            waiting = self._busy.pop(session.sid)
            session.held -= 1
            self._catch_up(session, waiting)
        if session.sid not in self._busy and (reason := self._gone.pop(session.sid, None)) is not None:
            await super()._handle_eio_disconnect(session.sid, reason)

    def _catch_up(self, session: Session, waiting: deque[Data]) -> None:
        """Handle the waiting packets. Stop at another CONNECT or DISCONNECT: the packets after it wait for its end."""
        while waiting and not session.is_closed:
            self._take(session, waiting.popleft())
            if session.sid in self._busy:
                self._busy[session.sid] = waiting
                return

    # --- connecting and disconnecting ---

    def _opened(self, eio_sid: str, environ: dict[str, Any]) -> None:
        """Replace `_handle_eio_connect`. Without a coroutine, the engine can answer the handshake at once."""
        if not self.manager_initialized:
            self.manager_initialized = True
            self.manager.initialize()
        self.environ[eio_sid] = environ

    async def _handle_connect(self, eio_sid: str, namespace: str, data: Any) -> None:
        if self.eio.session(eio_sid) is None:
            return
        refused = self._refused_connects.get(eio_sid, 0)
        if refused >= MAX_REFUSED_CONNECTS:
            self.eio.close(eio_sid, Reason.FLOOD, "too many refused CONNECTs")
            return
        self._refused_connects[eio_sid] = refused + 1  # an accepted CONNECT removes the entry
        if not self._is_known(namespace):
            await self._refuse(eio_sid, namespace, "Invalid namespace")
            return
        self.eio.expect(eio_sid, self.eio.rules.connect_seconds, Reason.CONNECT_TIMEOUT)
        try:
            await super()._handle_connect(eio_sid, namespace, data)
        except Exception:
            _log.exception("the connect handler of %s failed", namespace)
            await self._undo_connect(eio_sid, namespace)
        if self.manager.sid_from_eio_sid(eio_sid, namespace) is not None:
            self._refused_connects.pop(eio_sid, None)
            self.eio.mark_connected(eio_sid)

    def _is_known(self, namespace: str) -> bool:
        return (
            namespace in self.namespace_handlers
            or namespace in self.handlers
            or self.namespaces == "*"
            or namespace in self.namespaces
        )

    async def _refuse(self, eio_sid: str, namespace: str, message: str) -> None:
        error = self.packet_class(packets.CONNECT_ERROR, data={"message": message}, namespace=namespace)
        await self._send_packet(eio_sid, error)

    async def _undo_connect(self, eio_sid: str, namespace: str) -> None:
        sid = self.manager.sid_from_eio_sid(eio_sid, namespace)
        if sid is not None:
            await self.manager.disconnect(sid, namespace, ignore_queue=True)
        await self._refuse(eio_sid, namespace, "Unable to connect")

    async def _handle_disconnect(self, eio_sid: str, namespace: str, reason: str | None = None) -> None:
        await super()._handle_disconnect(eio_sid, namespace, reason)
        self._expect_connect(eio_sid, self.eio.rules.connect_seconds, Reason.CONNECT_TIMEOUT)

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        """Disconnect a client from a namespace. A session without a namespace is closed soon afterwards."""
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace or "/")
        await super().disconnect(sid, namespace, ignore_queue)
        if eio_sid is not None:
            self._expect_connect(eio_sid, _LEFT_ALONE_SECONDS, Reason.SERVER_DISCONNECT)

    def _expect_connect(self, eio_sid: str, seconds: float, reason: str) -> None:
        """Close a session that is in no namespace, unless it joins a namespace within `seconds`."""
        if self._is_in_no_namespace(eio_sid):
            self.eio.expect(eio_sid, seconds, reason)

    def _is_in_no_namespace(self, eio_sid: str) -> bool:
        return all(self.manager.sid_from_eio_sid(eio_sid, name) is None for name in self.manager.get_namespaces())

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        """End a session whose transport is closed.

        While a CONNECT or DISCONNECT of the session is in progress, only record the reason. `_run_alone` then ends the
        session after it: a CONNECT may still register the client.
        """
        self._binary_packet.pop(eio_sid, None)
        self._refused_connects.pop(eio_sid, None)
        if eio_sid in self._busy:
            self._gone[eio_sid] = reason
        else:
            await super()._handle_eio_disconnect(eio_sid, reason)

    # --- sending ---

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        """Queue a packet and its attachments for one client, without waiting."""
        session = self.eio.session(eio_sid)
        if session is not None:
            session.push(frames_of(pkt))


def _fault_of(packet: Any) -> Fault | None:
    """Return why a packet must not be handled, or None. Packet classes of applications have no faults."""
    return packet.fault if isinstance(packet, StrictPacket) else None


def frames_of(packet: Any) -> Frames:
    """Encode a Socket.IO packet for every transport."""
    return Frames(*(packet.parts() if isinstance(packet, StrictPacket) else in_parts(packet.encode())))


def create_server(*, node: str, client_manager: Any = None, **options: Any) -> SocketServer:
    """Make a server named `node` (letters and digits; part of every session id).

    `options` are the fields of `Rules` (`ping_interval`, `max_buffer`, …), the arguments of `EngineServer`
    (`cors_allowed_origins`, `trusted_proxies`, `observer`, …) and those of `socketio.AsyncServer` (`namespaces`,
    `always_connect`, …). `max_http_buffer_size` is another name for `max_payload`. Raise TypeError for an unknown
    option, and ValueError for an invalid value.
    """
    if "max_http_buffer_size" in options:
        options["max_payload"] = options.pop("max_http_buffer_size")
    limits = {field.name: options.pop(field.name) for field in fields(Rules) if field.name in options}
    rules = replace(options.pop("rules", Rules(max_pending_bytes=MAX_PENDING_BYTES)), **limits)
    options.setdefault("serializer", StrictPacket)
    options.setdefault("logger", logging.getLogger("gateway.socketio"))
    return SocketServer(node=node, client_manager=client_manager, rules=rules, **options)
