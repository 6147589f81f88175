"""Issue the tickets of the fast path (`plain_sends.py`), and handle the sends that get no receipt.

The first text of a session into a room takes the general path, which checks everything. Then the session gets a ticket,
and its next texts go from their frames to the log without an asyncio task. A ticket is valid while the session is in
the room and the Redis connection is open.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from roomcast.adapter.redis.connection import ConnectionLost
from roomcast.contract.errors import Code, RoomcastError
from roomcast.contract.log_scripts import dedup_field
from roomcast.engineio import EngineServer, Frames
from roomcast.engineio import Session as Connection
from roomcast.gateway.chat.messages import author_of
from roomcast.gateway.chat.plain_sends import PendingAck, PlainSends, SendTicket
from roomcast.gateway.operations.observer import GatewayObserver
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.room_log import LogStore

_EVENT: Final = "message:send"
_UNKNOWN: Final = orjson.dumps({"ok": False, "error": RoomcastError(Code.OUTCOME_UNKNOWN).to_wire()})

Detour = Callable[[Connection, str], None]
"""Handles a packet on the general path, after Redis refused it on the fast path."""


class MessageFastPath:
    """Issues tickets to sessions, and handles the sends that get no receipt."""

    def __init__(
        self,
        engine: EngineServer,
        log: LogStore,
        observer: GatewayObserver,
        *,
        seen: Callable[[str], None],
        detour: Detour,
        max_message_bytes: int,
    ) -> None:
        self._engine = engine
        self._log = log
        self._observer = observer
        self._detour = detour
        self._max_bytes = max_message_bytes
        tally = observer.tally(_EVENT, "ok")
        self.plain_sends = engine.fast_path = PlainSends(engine.flusher, tally, seen=seen, failed=self._failed)

    @property
    def in_flight(self) -> int:
        """The number of messages whose receipts have not arrived yet."""
        return self.plain_sends.in_flight

    def count_taken(self) -> int:
        """Return the number of messages that the fast path sent since the last call."""
        taken, self.plain_sends.taken = self.plain_sends.taken, 0
        return taken

    def issue_ticket(self, session: ChatSession, room: str) -> None:
        """Let the next plain messages of the session into the room take the fast path."""
        connection, append = self._engine.session(session.eio_sid), self._log.fast_append(room)
        if connection is None or append is None or session.is_closed:
            return
        if session.tickets is None:
            session.tickets = connection.tickets = {}
        session.tickets[room.encode()] = SendTicket(
            sid=session.sid,
            room=room,
            rooms=session.rooms,
            head=append.head,
            dedup=dedup_field(session.user, "").encode(),
            author=author_of(session),
            bucket=session.limit.bucket,
            allowance=session.allowance,
            pipeline=append.connection,
            send=append.send,
            max_bytes=self._max_bytes,
            max_payload=self._engine.rules.max_payload,
        )

    def _failed(self, pending: PendingAck, reply: Any) -> None:
        """Handle a send without a receipt.

        If Redis refused the send, the general path repeats it with the same id. If the connection was lost, the client
        gets OUTCOME_UNKNOWN.
        """
        connection: Any = pending.buffer
        if not isinstance(reply, ConnectionLost):
            self._detour(connection, pending.payload.decode())
            return
        if pending.ack:
            connection.push(Frames(b"3%b[%b]" % (pending.ack, _UNKNOWN)))
        self._observer.event(_EVENT, Code.OUTCOME_UNKNOWN.reason, time.monotonic() - pending.started)
