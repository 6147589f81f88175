"""Pass plain `message:send` events from their frames to the log, and send the acks, without a task or a JSON parser.

A send is plain if it has exactly this form, without spaces, as JSON.stringify writes it:

    42<id of the ack>["message:send",{"room":"…","id":"…","text":"…","reply_to":…}]

The ack id and `reply_to` are optional. The text enters the log in the client's own JSON encoding. The fast path leaves
every other packet to the general path: longer texts, unusual escapes, and sends that are not allowed now. For a valid
send the general path returns the same ack; for an invalid send it returns the error.

`plain_sends.pxd` gives the compiled build the C types. `fast_path.py` issues the tickets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import getrandbits
from time import monotonic
from typing import Any, Final

import orjson

from roomcast.adapter.redis.command_pipeline import CommandPipeline, OnReply
from roomcast.contract.ids import CLIENT_ID_CHARACTER, MAX_CLIENT_ID, ROOM_ID
from roomcast.contract.limits import MAX_MESSAGE_BYTES, MAX_SEQ
from roomcast.contract.texts import is_blank
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.engineio.websocket.frame_receiver import FastPath
from roomcast.engineio.write_buffer import FlushQueue, WriteBuffer
from roomcast.gateway.operations.byte_allowance import ByteAllowance
from roomcast.gateway.operations.daily_bytes import ENTRY_BYTES
from roomcast.gateway.operations.histogram import OutcomeCounter
from roomcast.hotpath.module_loader import prefer_compiled

_SPACE: Final = 0x20
_BACKSLASH: Final = 0x5C
_DELETE: Final = 0x7F
MAX_HELD_BYTES: Final = 32_000_000
"""Bound on the bytes of all sends that wait for a receipt. Further sends go to the general path with backpressure."""
_ENTRY_BYTES: Final = ENTRY_BYTES
SEEN_SECONDS: Final = 1.0
"""The least time between two reports of one client's activity, in seconds."""
_ESCAPED: Final = rb'"\\'
_ID_CHARACTERS: Final = b"".join(
    re.escape(bytes((code,)))
    for code in range(128)
    if re.fullmatch(CLIENT_ID_CHARACTER, chr(code)) and code not in _ESCAPED
)
"""Characters that a message id may contain, except the characters that JSON escapes."""
_PLAIN: Final = re.compile(
    rb"42(|0|[1-9][0-9]{0,15})"
    rb'\["message:send",\{"room":"(%b)"'
    % ROOM_ID.encode()
    + rb',"id":"([%b]{1,%d})"' % (_ID_CHARACTERS, MAX_CLIENT_ID)
    + rb',"text":"([^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*)"'
    + rb'(?:,"reply_to":([1-9][0-9]{0,15}))?\}\]'
)
_match: Final = _PLAIN.fullmatch


class SendTicket:
    """The data that all plain sends of one session into one room share.

    `head` is the packed EVALSHA of `room_append` without its last three arguments. `dedup` (`user:`) and `author` (the
    JSON fields between id and text) are the session's parts of these arguments. The ticket is valid while `room` is in
    `rooms` and `pipeline` is open. If `send` is not None, it replaces `pipeline.send`.
    """

    __slots__ = (
        "allowance",
        "author",
        "bucket",
        "dedup",
        "head",
        "max_bytes",
        "max_payload",
        "pipeline",
        "room",
        "rooms",
        "seen_at",
        "send",
        "sid",
    )

    def __init__(
        self,
        *,
        sid: str,
        room: str,
        rooms: set[str],
        head: bytes,
        dedup: bytes,
        author: bytes,
        bucket: TokenBucket,
        allowance: ByteAllowance,
        pipeline: CommandPipeline,
        send: Callable[[bytes, OnReply], None] | None,
        max_bytes: int,
        max_payload: int,
    ) -> None:
        self.sid = sid
        self.room = room
        self.rooms = rooms
        self.head = head
        self.dedup = dedup
        self.author = author
        self.bucket = bucket
        self.allowance = allowance
        self.pipeline = pipeline
        self.send = send
        self.max_bytes = min(max_bytes, MAX_MESSAGE_BYTES)
        self.max_payload = max_payload
        self.seen_at = 0.0

    def allows(self, text: bytes, reply_to: bytes | None) -> bool:
        """Return whether the general path would accept the send: the text is valid UTF-8, not blank, not too long."""
        if not 0 < len(text) <= self.max_bytes or (reply_to is not None and int(reply_to) > MAX_SEQ):
            return False
        try:
            text.decode()
        except UnicodeDecodeError:
            return False
        first = text[0]
        if _SPACE < first < _DELETE and first != _BACKSLASH:
            return True  # nearly all texts end here: their first byte is a visible character
        return not is_blank(orjson.loads(b'"%b"' % text))

    def command(self, message_id: bytes, text: bytes, reply_to: bytes | None) -> bytes:
        """Return the EVALSHA command: `head`, a fresh epoch, the key of the message id, and the JSON of the message."""
        dedup = self.dedup + message_id
        end = b"" if reply_to is None else b',"reply_to":' + reply_to
        tail = b'"id":"%b"%b"%b"%b}' % (message_id, self.author, text, end)
        form = b"%b$16\r\n%016x\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
        return form % (self.head, getrandbits(64), len(dedup), dedup, len(tail), tail)


class PendingAck:
    """Waits for the log's reply to one message. `ack` is the ack id, or empty if the client wants no ack."""

    __slots__ = ("ack", "buffer", "fast_path", "payload", "started")

    def __init__(self, fast_path: PlainSends, buffer: WriteBuffer, ack: bytes, payload: bytes, started: float) -> None:
        self.fast_path = fast_path
        self.buffer = buffer
        self.ack = ack
        self.payload = payload
        self.started = started

    def __call__(self, reply: Any) -> None:
        """Give the script's reply to the fast path."""
        self.fast_path.answer(self, reply)


class PlainSends(FastPath):
    """The fast path of all sessions.

    `taken` counts all sends, `in_flight` counts the sends without a receipt, and `held_bytes` is the size of the sends
    in flight. `seen(sid)` reports that a client is active. `failed(pending, reply)` handles a reply that is no receipt:
    an error of the connection, or a reply of another form.
    """

    def __init__(
        self,
        outgoing: FlushQueue,
        outcome: OutcomeCounter,
        *,
        seen: Callable[[str], None],
        failed: Callable[[PendingAck, Any], None],
    ) -> None:
        self.outgoing = outgoing
        self.outcome = outcome
        self.seen = seen
        self.failed = failed
        self.in_flight = 0
        self.held_bytes = 0
        self.taken = 0

    def take(self, buffer: WriteBuffer, payload: bytes) -> bool:
        """Queue a plain send for the log now; the ack follows. For any other packet do nothing and return False."""
        tickets = buffer.tickets
        match = _match(payload)
        if match is None or tickets is None:
            return False
        ack, room, message_id, text, reply_to = match.groups()
        ticket = tickets.get(room)
        if ticket is None or len(payload) > ticket.max_payload or not ticket.allows(text, reply_to):
            return False
        if not ticket.pipeline.is_open:
            del tickets[room]
            return False
        if ticket.allowance.is_spent or self.held_bytes + len(payload) > MAX_HELD_BYTES:
            return False
        now = monotonic()
        if ticket.room not in ticket.rooms or not ticket.bucket.take(now):
            return False
        pending = PendingAck(self, buffer, ack, payload, now)
        command = ticket.command(message_id, text, reply_to)
        if ticket.send is None:
            ticket.pipeline.send(command, pending)
        else:
            ticket.send(command, pending)
        self.in_flight += 1
        self.held_bytes += len(payload)
        ticket.allowance.unreported += len(payload) + _ENTRY_BYTES
        self.taken += 1
        if now - ticket.seen_at >= SEEN_SECONDS:
            ticket.seen_at = now
            self.seen(ticket.sid)
        return True

    def answer(self, pending: PendingAck, reply: Any) -> None:
        """Send the ack for the log's reply `[is a duplicate, seq, time, epoch]`; see `room_append.lua`."""
        self.in_flight -= 1
        self.held_bytes -= len(pending.payload)
        if type(reply) is not list or len(reply) != 4:
            self.failed(pending, reply)
            return
        if pending.ack:
            is_duplicate, seq, moment, epoch = reply
            duplicate = b"true" if is_duplicate else b"false"
            form = b'3%b[{"seq":%d,"time":%d,"epoch":"%b","duplicate":%b,"ok":true}]'
            self.outgoing.send([pending.buffer], form % (pending.ack, seq, moment, epoch, duplicate))
        self.outcome.add(monotonic() - pending.started)


prefer_compiled(__name__)
