"""`message:send` without a coroutine: the one event whose cost decides how many gateways a chat needs.

The ordinary way makes a command, a packet, a task, calls of a namespace and a use case, and an ack packet; this lane
makes none of them (decision 10 has figures). It takes only the plain case, a text into a joined room, straight from the
text of the packet, and says so by returning True; everything else, and whatever goes wrong, goes the ordinary way,
which answers the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Literal

import msgspec
import orjson

from contract.errors import Code, RoomcastError
from gateway.adapter.link import LinkDown, LinkError, LinkLost
from gateway.chat import Chat, PlainSend
from gateway.engineio import Frames, Session
from gateway.namespace import ChatNamespace
from gateway.observer import GatewayObserver

_EVENT: Final = "message:send"
_ID_DIGITS: Final = 16
_UNKNOWN: Final = orjson.dumps({"ok": False, "error": RoomcastError(Code.OUTCOME_UNKNOWN).to_wire()}).decode()


_decode: Final = msgspec.json.Decoder(tuple[Literal["message:send"], PlainSend]).decode


Detour = Callable[[Session, str], None]
"""The ordinary way for a packet that the lane could not finish."""


class SendLane:
    """Takes events of one namespace, `/`; see `take`."""

    def __init__(self, namespace: ChatNamespace, chat: Chat, observer: GatewayObserver, detour: Detour) -> None:
        self._namespace = namespace
        self._chat = chat
        self._observer = observer
        self._detour = detour

    def take(self, connection: Session, packet: str) -> bool:
        """Queue the message in an Engine.IO packet for the log, now; its ack follows. False: nothing was done."""
        session = self._namespace.by_connection.get(connection.sid)
        at = packet.find("[", 2, _ID_DIGITS + 3)
        if session is None or at < 0 or not packet.startswith("42"):
            return False
        ack_id = packet[2:at]
        if ack_id and not _is_number(ack_id):
            return False
        try:
            message = _decode(packet[at:])[1]
        except msgspec.DecodeError:
            return False
        started = time.monotonic()
        if not (message.has_valid_id() and self._chat.is_plain(session, message) and session.limit.takes(started)):
            return False
        try:
            if not self._chat.send_plain(session, message, partial(self._done, connection, packet, ack_id, started)):
                return False
        except LinkDown:
            return False
        self._namespace.begin(session)
        return True

    def _done(self, connection: Session, packet: str, ack_id: str, started: float, reply: Any) -> None:
        self._namespace.end()
        if not isinstance(reply, LinkError):
            # As `contract.log_entry.read_receipt` reads it, for a third of its cost.
            is_repeat, seq, moment, epoch = reply
            again = "true" if is_repeat else "false"
            answer = f'{{"seq":{seq},"time":{moment},"epoch":"{epoch.decode()}","duplicate":{again},"ok":true}}'
            outcome = "ok"
        elif isinstance(reply, LinkLost):
            answer, outcome = _UNKNOWN, Code.OUTCOME_UNKNOWN.reason
        else:  # Redis refused it, or forgot the script: the same id once more, the ordinary way
            self._detour(connection, packet)
            return
        if ack_id:
            connection.push(Frames(f"3{ack_id}[{answer}]".encode()))
        self._observer.event(_EVENT, outcome, time.monotonic() - started)


def _is_number(text: str) -> bool:
    """Decimal digits, as a number is written: what an ack repeats."""
    return text.isascii() and text.isdecimal() and (text[0] != "0" or text == "0")
