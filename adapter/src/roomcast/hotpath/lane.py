"""`message:send` from its frame to the log, and its receipt back to the client, without a task or a parsed object.

What is taken is exactly this, in this order and without a space, as JSON.stringify writes it:

    42<id of the ack>["message:send",{"room":"…","id":"…","text":"…","reply_to":…}]

(without an ack, or without `reply_to`, too). The text goes into the log as the client wrote it: a JSON string is a JSON
string. Whatever is longer, escaped in an unusual way, or not allowed at the moment is left to the ordinary way, which
answers the same, or says what is wrong.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from random import getrandbits
from typing import Any, Final

from roomcast.hotpath.pipe import CommandPipeline, OnReply
from roomcast.hotpath.sink import FlushQueue, Traffic, WriteBuffer
from roomcast.hotpath.tally import OutcomeCounter, TokenBucket

Unmask = Callable[[bytes, bytearray], None]
"""XORs the second argument in place with the four bytes of the first, repeated."""

SEEN_SECONDS: Final = 1.0
"""A sign of life of one client is passed on at most this often."""
MAX_TEXT: Final = 16_384
MAX_SEQ: Final = 2**53
_WHOLE_TEXT: Final = 0x81
_MASKED: Final = 0x80
_PLAIN: Final = re.compile(
    rb"42(|0|[1-9][0-9]{0,15})"
    rb'\["message:send",\{"room":"([A-Za-z0-9_.:@-]{1,128})"'
    rb',"id":"([!#-\[\]-~]{1,64})"'  # printable ASCII but quote and backslash
    rb',"text":"([^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u(?![dD][89a-fA-F])[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*)"'
    rb'(?:,"reply_to":([1-9][0-9]{0,15}))?\}\]'
)


class SendTicket:
    """What is always the same of one session's plain messages into one room.

    `head` is the packed EVALSHA of `room_append` without its last three arguments, `dedup` and `author` are the
    session's parts of these (`user:`, and the JSON fields between id and text). Good while `room` is in `rooms` and
    `pipe` is open. `send` is set where it is not `pipe.send`.
    """

    __slots__ = (
        "author",
        "bucket",
        "dedup",
        "head",
        "max_bytes",
        "max_payload",
        "pipe",
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
        pipe: CommandPipeline,
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
        self.pipe = pipe
        self.send = send
        self.max_bytes = min(max_bytes, MAX_TEXT)
        self.max_payload = max_payload
        self.seen_at = 0.0


class PendingAck:
    """Waits for the log's answer to one message."""

    __slots__ = ("ack", "lane", "payload", "sink", "started")

    def __init__(self, lane: FastPath, sink: WriteBuffer, ack: bytes, payload: bytes, started: float) -> None:
        self.lane = lane
        self.sink = sink
        self.ack = ack
        """the id of the ack; empty: none is wanted"""
        self.payload = payload
        self.started = started

    def __call__(self, reply: Any) -> None:
        self.lane.answer(self, reply)


class FastPath:
    """Plain messages of all sessions: `taken` so far; `in_flight` are those whose receipts are still to come.

    `seen(sid)` hears of signs of life; `failed(receipt, reply)` gets what is no receipt: an error of the link, or a
    reply of another form.
    """

    def __init__(
        self,
        outgoing: FlushQueue,
        tally: OutcomeCounter,
        *,
        seen: Callable[[str], None],
        failed: Callable[[PendingAck, Any], None],
    ) -> None:
        self.outgoing = outgoing
        self.tally = tally
        self.seen = seen
        self.failed = failed
        self.in_flight = 0
        self.taken = 0

    def take(self, sink: WriteBuffer, payload: bytes | bytearray) -> bool:
        """Queue the plain message in an Engine.IO packet for the log, now; its ack follows. False: nothing was done."""
        match = _PLAIN.fullmatch(payload)
        if match is None or sink.book is None:
            return False
        ack, room, message_id, text, reply_to = match.groups()
        ticket: SendTicket | None = sink.book.get(room)
        if ticket is None or len(payload) > ticket.max_payload or not _is_fit(ticket, text, reply_to):
            return False
        if not ticket.pipe.is_open:
            del sink.book[room]
            return False
        now = time.monotonic()
        if ticket.room not in ticket.rooms or not ticket.bucket.take(now):
            return False
        command = _command(ticket, message_id, text, reply_to)
        (ticket.send or ticket.pipe.send)(command, PendingAck(self, sink, ack, bytes(payload), now))
        self.in_flight += 1
        self.taken += 1
        if now - ticket.seen_at >= SEEN_SECONDS:
            ticket.seen_at = now
            self.seen(ticket.sid)
        return True

    def answer(self, receipt: PendingAck, reply: Any) -> None:
        """The log's answer has come: `[is a repeat, seq, time, epoch]`, see `room_append.lua`."""
        self.in_flight -= 1
        if type(reply) is not list or len(reply) != 4:
            self.failed(receipt, reply)
            return
        is_repeat, seq, moment, epoch = reply
        if receipt.ack:
            again = b"true" if is_repeat else b"false"
            form = b'3%b[{"seq":%d,"time":%d,"epoch":"%b","duplicate":%b,"ok":true}]'
            self.outgoing.send((receipt.sink,), form % (receipt.ack, seq, moment, epoch, again))
        self.tally.add(time.monotonic() - receipt.started)


class FrameReceiver:
    """The receiving end of one WebSocket. A subclass takes what the lane does not, in `came`.

    `session` is None once nobody listens any more; `is_probe` until the session has taken this WebSocket as its
    transport; `is_midway` while bytes of an incomplete frame or message are held.
    """

    __slots__ = ("is_midway", "is_probe", "lane", "session", "traffic", "unmask")

    def __init__(
        self, session: Any, *, is_probe: bool, unmask: Unmask, traffic: Traffic, lane: FastPath | None
    ) -> None:
        self.session = session
        self.is_probe = is_probe
        self.is_midway = False
        self.unmask = unmask
        self.traffic = traffic
        self.lane = lane

    def data_received(self, data: bytes) -> None:
        self.traffic.received += len(data)
        session = self.session
        if session is not None and session.book and not (session.held or self.is_midway or self.is_probe):
            payload = whole_text(data, self.unmask)
            if payload is not None and self.lane is not None and self.lane.take(session, payload):
                return
        self.came(data)

    def came(self, data: bytes) -> None:
        """Bytes for the general way."""
        raise NotImplementedError


def whole_text(data: bytes, unmask: Unmask) -> bytearray | None:
    """The payload of `data` when that is exactly one TEXT frame of up to 64 KiB (RFC 6455), else None.

    It is what nearly every read of a chat holds, and costs a third of the general way.
    """
    size, start = len(data) - 6, 6
    if size < 0 or data[0] != _WHOLE_TEXT:
        return None
    if size > 125:
        size, start = size - 2, 8
        if data[1] != _MASKED | 126 or size < 126 or data[2] << 8 | data[3] != size:
            return None
    elif data[1] != _MASKED | size:
        return None
    payload = bytearray(data[start:])
    unmask(data[start - 4 : start], payload)
    return payload


def _is_fit(ticket: SendTicket, text: bytes, reply_to: bytes | None) -> bool:
    """Whether the ordinary way would take the text, and what it answers: within the bounds, and UTF-8."""
    if not 0 < len(text) <= ticket.max_bytes or (reply_to is not None and int(reply_to) > MAX_SEQ):
        return False
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _command(ticket: SendTicket, message_id: bytes, text: bytes, reply_to: bytes | None) -> bytes:
    """The rest of the EVALSHA: a fresh epoch, the name under which the id is remembered, the message's own JSON."""
    dedup = ticket.dedup + message_id
    end = b"" if reply_to is None else b',"reply_to":' + reply_to
    tail = b'"id":"%b"%b"%b"%b}' % (message_id, ticket.author, text, end)
    form = b"%b$16\r\n%016x\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
    return form % (ticket.head, getrandbits(64), len(dedup), dedup, len(tail), tail)
