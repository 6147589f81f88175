"""`message:send` without a coroutine: the one event whose cost decides how many gateways a chat needs.

The ordinary way (packet, task, namespace, use case, ack packet) costs some 40 µs a message before Redis hears of it;
this lane costs a third of that. It takes only the plain case, a text into a joined room, and says so by returning
True; everything else, and whatever goes wrong, goes the ordinary way, which answers the same.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any, Final, Protocol

import msgspec
import orjson

from contract.errors import Code, RoomcastError
from contract.events import MessageSend
from contract.log_entry import read_receipt
from gateway.adapter.link import LinkDown, LinkLost
from gateway.chat import Chat
from gateway.engineio import Frames, Session
from gateway.namespace import ChatNamespace
from gateway.observer import GatewayObserver

_UNKNOWN: Final = orjson.dumps({"ok": False, "error": RoomcastError(Code.OUTCOME_UNKNOWN).to_wire()}).decode()


class Detour(Protocol):
    """The ordinary way for an event that the lane could not finish."""

    def __call__(self, session: Session, sid: str, packet: Any) -> None: ...


class SendLane:
    """Takes events of one namespace; see `take`."""

    event = "message:send"

    def __init__(self, namespace: ChatNamespace, chat: Chat, observer: GatewayObserver, detour: Detour) -> None:
        self._namespace = namespace
        self._chat = chat
        self._observer = observer
        self._detour = detour

    def take(self, connection: Session, sid: str, packet: Any) -> bool:
        """Queue the message in a Socket.IO packet for the log, now; its ack follows. False: nothing was done."""
        session = self._namespace.sessions.get(sid)
        if session is None or len(packet.data) != 2:
            return False
        try:
            message = msgspec.convert(packet.data[1], MessageSend)
        except msgspec.ValidationError:
            return False
        started = time.monotonic()
        if not self._chat.is_plain(session, message) or not session.limit.takes(started):
            return False
        try:
            reply = self._chat.send_plain(session, message)
        except LinkDown:
            return False
        if reply is None:
            return False
        self._namespace.begin(session)
        connection.pending_events += 1
        reply.add_done_callback(partial(self._done, connection, sid, packet, started))
        return True

    def _done(self, connection: Session, sid: str, packet: Any, started: float, reply: asyncio.Future[Any]) -> None:
        connection.pending_events -= 1
        self._namespace.end()
        if reply.cancelled():
            return
        error = reply.exception()
        if error is None:
            self._answer(connection, packet.id, _receipt(reply.result()))
            self._observer.event(self.event, "ok", time.monotonic() - started)
        elif isinstance(error, LinkLost):
            self._answer(connection, packet.id, _UNKNOWN)
            self._observer.event(self.event, Code.OUTCOME_UNKNOWN.reason, time.monotonic() - started)
        else:  # Redis refused it, or forgot the script: the same id once more, the ordinary way
            self._detour(connection, sid, packet)

    @staticmethod
    def _answer(connection: Session, ack_id: int | None, answer: str) -> None:
        if ack_id is not None:
            connection.push(Frames(f"3{ack_id}[{answer}]".encode()))


def _receipt(row: list[Any]) -> str:
    seq, moment, epoch, duplicate = read_receipt(row)
    again = "true" if duplicate else "false"
    return f'{{"seq":{seq},"time":{moment},"epoch":"{epoch}","duplicate":{again},"ok":true}}'
