# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, binding=False
"""The hot path, compiled: the same classes as in the modules beside this one, which say what they are for.

What it saves is the walk through the interpreter, its frames and look-ups, between the system calls of a flush: there
every cache is cold. So it makes no object that nobody needs, and writes to sockets itself, in one tight loop.
Beware of three things. A socket's number may belong to somebody else once its transport is closing: ask first. A
transport that still holds bytes has paused its session (high-water mark 0), whose credit is negative then: such a
sink is never written to here. And nothing here may let go of a list while it walks over its items.
"""

import time

import hiredis

from asyncio import Future
from collections import deque
from random import getrandbits

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.dict cimport PyDict_GetItem
from cpython.list cimport PyList_GET_ITEM, PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.sequence cimport PySequence_Fast, PySequence_Fast_GET_ITEM, PySequence_Fast_GET_SIZE
from cpython.set cimport PySet_Contains
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport uint8_t, uint64_t
from libc.stdio cimport snprintf
from libc.string cimport memcmp, memcpy
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

cdef extern from "<sys/socket.h>" nogil:
    ssize_t send_to_socket "send"(int socket, const void *data, size_t size, int flags)
    int MSG_DONTWAIT
    int MSG_NOSIGNAL

cdef enum:
    NO_SOCKET = -1
    NOT_ASKED = -2
    QUOTE = 34
    COMMA = 44
    FOUR = 52
    BACKSLASH = 92

cdef extern from *:
    const char *ROOMCAST_SOURCE

SOURCE = ROOMCAST_SOURCE.decode()
"""The hash of the source that this was built from: see `build`."""

cdef double SEEN_SECONDS = 1.0
cdef Py_ssize_t MAX_TEXT = 16_384
cdef long long MAX_SEQ = 1LL << 53
cdef double SLICE_SECONDS = 0.004
cdef Py_ssize_t SLICE_REPLIES = 128
cdef tuple MESSAGES = (b"smessage", b"message")
cdef bytes EVENT = b'["message:send",{"room":"'
cdef bytes ID = b'","id":"'
cdef bytes TEXT = b'","text":"'
cdef bytes REPLY_TO = b',"reply_to":'


cdef inline double monotonic() noexcept nogil:
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


# --- sink -------------------------------------------------------------------------------------------------------------


cdef class Traffic:
    cdef public long long received, writes, packets, sent


cdef class WriteBuffer:
    cdef public list outbox
    cdef public Py_ssize_t credit, max_credit
    cdef public int held
    cdef int socket
    cdef object _transport
    cdef public dict book

    def __init__(self, Py_ssize_t max_credit):
        self.outbox = []
        self.credit = -1
        self.max_credit = max_credit
        self.held = 0
        self.socket = NO_SOCKET
        self._transport = None
        self.book = None

    @property
    def transport(self):
        return self._transport

    @transport.setter
    def transport(self, transport):
        self._transport = transport
        self.socket = NO_SOCKET if transport is None else NOT_ASKED

    def write(self, bytes data):
        if self._transport is not None:
            self._transport.write(data)

    cdef int ask(self) except -3:
        """The number of the socket, where frames may go to it as they are (no TLS in between)."""
        transport = self._transport
        sock = None if transport.get_extra_info("sslcontext") is not None else transport.get_extra_info("socket")
        self.socket = NO_SOCKET if sock is None else sock.fileno()
        return self.socket

    cdef int write_whole(self, bytes data) except -1:
        """Into the socket at once. What the kernel refuses, the transport keeps."""
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data), done = 0
        if self.socket == NOT_ASKED:
            self.ask()
        if self.socket != NO_SOCKET and not self._transport.is_closing():
            done = send_to_socket(self.socket, PyBytes_AS_STRING(data), size, MSG_DONTWAIT | MSG_NOSIGNAL)
        if done < size and self._transport is not None:
            self._transport.write(data[done:] if done > 0 else data)
        return 0


cdef class FlushQueue:
    cdef public list dirty
    cdef public bint is_armed

    def __init__(self):
        self.dirty = []
        self.is_armed = False

    def arm(self):
        raise NotImplementedError

    def slow(self, list sinks, bytes packet):
        raise NotImplementedError

    def queue(self, sinks, bytes data):
        return self.queue_all(PySequence_Fast(sinks, b"sinks are a list or a tuple"), data)

    def send(self, sinks, bytes packet):
        self.send_all(
            PySequence_Fast(sinks, b"sinks are a list or a tuple"),
            <const uint8_t *>PyBytes_AS_STRING(packet),
            PyBytes_GET_SIZE(packet),
        )

    cdef list queue_all(self, object sinks, bytes data):
        cdef Py_ssize_t i, size = PyBytes_GET_SIZE(data), credit
        cdef WriteBuffer sink
        cdef list poor = None
        for i in range(PySequence_Fast_GET_SIZE(sinks)):
            sink = <WriteBuffer?>PySequence_Fast_GET_ITEM(sinks, i)
            credit = sink.credit - size
            if credit >= 0:
                sink.credit = credit
                if PyList_GET_SIZE(sink.outbox) == 0:
                    self.dirty.append(sink)
                sink.outbox.append(data)
            elif poor is None:
                poor = [sink]
            else:
                poor.append(sink)
        if not self.is_armed and PyList_GET_SIZE(self.dirty):
            self.arm()
        return poor

    cdef int send_all(self, object sinks, const uint8_t *packet, Py_ssize_t size) except -1:
        cdef list poor = self.queue_all(sinks, text_frame(packet, size))
        if poor is not None:
            self.slow(poor, packet[:size])
        return 0


cdef bytes text_frame(const uint8_t *packet, Py_ssize_t size):
    cdef Py_ssize_t payload = size + 1, head = 2 if payload < 126 else 4 if payload < 65_536 else 10
    cdef bytes frame = PyBytes_FromStringAndSize(NULL, head + payload)
    cdef uint8_t *at = <uint8_t *>PyBytes_AS_STRING(frame)
    cdef int i
    at[0] = 0x81
    if head == 2:
        at[1] = <uint8_t>payload
    elif head == 4:
        at[1] = 126
        at[2] = <uint8_t>(payload >> 8)
        at[3] = <uint8_t>payload
    else:
        at[1] = 127
        for i in range(8):
            at[2 + i] = <uint8_t>(payload >> (56 - 8 * i))
    at[head] = FOUR
    memcpy(at + head + 1, packet, size)
    return frame


def write_out(list batch, Traffic traffic):
    cdef Py_ssize_t i, packets
    cdef WriteBuffer sink
    cdef list poor = None, outbox, last = None
    cdef bytes joined = b""
    for i in range(PyList_GET_SIZE(batch)):
        sink = <WriteBuffer?>PyList_GET_ITEM(batch, i)
        if sink.credit < 0:
            if poor is None:
                poor = [sink]
            else:
                poor.append(sink)
            continue
        outbox = sink.outbox
        packets = PyList_GET_SIZE(outbox)
        if packets == 0:
            continue
        if last is None or not is_same(outbox, last):
            last = outbox[:]
            joined = <bytes?>PyList_GET_ITEM(outbox, 0) if packets == 1 else b"".join(outbox)
        traffic.writes += 1
        traffic.packets += packets
        traffic.sent += PyBytes_GET_SIZE(joined)
        outbox.clear()
        sink.credit = sink.max_credit
        sink.write_whole(joined)
    return poor


cdef inline bint is_same(list one, list other) noexcept:
    """Whether they hold the very same objects."""
    cdef Py_ssize_t i, size = PyList_GET_SIZE(one)
    if size != PyList_GET_SIZE(other):
        return False
    for i in range(size):
        if PyList_GET_ITEM(one, i) != PyList_GET_ITEM(other, i):
            return False
    return True


# --- ear --------------------------------------------------------------------------------------------------------------


cdef class Position:
    cdef public bytes epoch
    cdef public unsigned long long seq

    def __init__(self):
        self.epoch = b""
        self.seq = 0


cdef class Subscription:
    cdef public Position watch
    cdef public list backlog
    cdef public dict floors
    cdef public list targets

    def __init__(self, Position watch not None):
        self.watch = watch
        self.backlog = None
        self.floors = {}
        self.targets = None


cdef class Subscriber:
    cdef public dict rooms
    cdef public bytes routing
    cdef public FlushQueue outgoing
    cdef public object other

    def __init__(self, other):
        self.rooms = {}
        self.routing = b""
        self.outgoing = None
        self.other = other

    def __call__(self, bytes channel, bytes data):
        self.hear(channel, data)

    def takes(self, bytes channel, bytes data):
        return self.take(channel, data)

    cdef int hear(self, bytes channel, bytes data) except -1:
        if not self.take(channel, data):
            self.other(channel, data)
        return 0

    cdef bint take(self, bytes channel, bytes data) except -1:
        cdef PyObject *found = PyDict_GetItem(self.rooms, channel)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data), routing = PyBytes_GET_SIZE(self.routing)
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data)
        cdef uint64_t seq = 0
        cdef int i
        if found is NULL or self.outgoing is None or routing == 0 or size < 26 + routing:
            return False
        if at[0] != 1 or at[1] != 1 or memcmp(at + 26, PyBytes_AS_STRING(self.routing), routing) != 0:
            return False
        cdef Subscription hearing = <Subscription?><object>found
        cdef Position watch = hearing.watch
        cdef list targets = hearing.targets
        if targets is None or hearing.backlog is not None or hearing.floors:
            return False
        for i in range(18, 26):
            seq = seq << 8 | at[i]
        if seq != watch.seq + 1 or PyBytes_GET_SIZE(watch.epoch) != 16:
            return False
        if memcmp(at + 2, PyBytes_AS_STRING(watch.epoch), 16) != 0:
            return False
        watch.seq = seq
        if PyList_GET_SIZE(targets):
            self.outgoing.send_all(targets, at + 26 + routing, size - 26 - routing)
        return True


# --- pipe -------------------------------------------------------------------------------------------------------------


cdef class CommandPipeline:
    cdef public bint is_open, is_behind
    cdef public object on_push, pending, reader
    cdef public list out
    cdef object gets

    def __init__(self, on_push):
        self.is_open = False
        self.is_behind = False
        self.on_push = on_push
        self.out = []
        self.pending = deque()
        self.reader = hiredis.Reader()
        self.gets = self.reader.gets

    def refuse(self):
        raise NotImplementedError

    def began(self):
        raise NotImplementedError

    def take_later(self):
        raise NotImplementedError

    def failed(self, error):
        raise NotImplementedError

    def take_odd(self, reply):
        raise NotImplementedError

    def blame(self, error):
        raise NotImplementedError

    def send(self, bytes command, asker, note=""):
        self.queue(command, asker, note)

    cdef int queue(self, bytes command, object asker, object note) except -1:
        if not self.is_open:
            self.refuse()
        self.pending.append((asker, monotonic(), note))
        if PyList_GET_SIZE(self.out) == 0:
            self.began()
        self.out.append(command)
        return 0

    def data_received(self, data):
        self.reader.feed(data)
        if not self.is_behind:
            self.take_replies()

    def take_some(self):
        self.take_replies()

    def answer(self, reply):
        self.give(reply)

    cdef int take_replies(self) except -1:
        self.is_behind = False
        cdef double ends = monotonic() + SLICE_SECONDS
        cdef Py_ssize_t waiting = len(self.pending)
        cdef object on_push = self.on_push
        cdef bint hears = on_push is not None, is_ear = isinstance(on_push, Subscriber)
        cdef list row
        while True:
            try:
                reply = self.gets()
            except hiredis.ProtocolError as error:
                self.failed(error)
                return 0
            if reply is False:
                return 0
            row = <list>reply if type(reply) is list else None
            if hears and row is not None and row[0] in MESSAGES:
                if is_ear:
                    (<Subscriber>on_push).hear(row[1], row[2])
                else:
                    on_push(row[1], row[2])
            elif hears or not self.pending or isinstance(reply, Exception):
                self.take_odd(reply)
            else:
                self.give(reply)
            if monotonic() > ends or waiting - len(self.pending) >= SLICE_REPLIES:
                self.is_behind = True
                self.take_later()
                return 0

    cdef int give(self, object reply) except -1:
        asker = (<tuple>self.pending.popleft())[0]
        try:
            if type(asker) is PendingAck:
                (<PendingAck>asker).lane.answer_one(<PendingAck>asker, reply)
            elif isinstance(asker, Future):
                if not asker.done():
                    asker.set_result(reply)
            else:
                asker(reply)
        except Exception as error:
            self.blame(error)
        return 0


# --- tally ------------------------------------------------------------------------------------------------------------


cdef class Histogram:
    cdef public tuple bounds
    cdef public list heights
    cdef public double total

    def __init__(self, bounds):
        self.bounds = tuple(map(float, bounds))
        self.heights = [0] * (len(self.bounds) + 1)
        self.total = 0.0

    cpdef observe(self, double seconds):
        cdef Py_ssize_t i = 0, count = len(self.bounds)
        while i < count and <double>self.bounds[i] < seconds:
            i += 1
        self.heights[i] += 1
        self.total += seconds


cdef class OutcomeCounter:
    cdef public long long count
    cdef public Histogram durations

    def __init__(self, Histogram durations not None):
        self.count = 0
        self.durations = durations

    cpdef add(self, double seconds):
        self.count += 1
        self.durations.observe(seconds)


cdef class TokenBucket:
    cdef public double rate, burst, level, filled_at

    def __init__(self, double rate, double burst, double now):
        self.rate = rate
        self.burst = burst
        self.level = burst
        self.filled_at = now

    cpdef bint take(self, double now):
        cdef double level = min(self.burst, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        self.level = level if level < 1.0 else level - 1.0
        return level >= 1.0

    def wait_seconds(self):
        return max(0.0, (1.0 - self.level) / self.rate)


# --- lane -------------------------------------------------------------------------------------------------------------


cdef class SendTicket:
    cdef public str sid, room
    cdef public set rooms
    cdef public bytes head, dedup, author
    cdef public TokenBucket bucket
    cdef public CommandPipeline pipe
    cdef public object send
    cdef public Py_ssize_t max_bytes, max_payload
    cdef public double seen_at

    def __init__(
        self,
        *,
        str sid not None,
        str room not None,
        set rooms not None,
        bytes head not None,
        bytes dedup not None,
        bytes author not None,
        TokenBucket bucket not None,
        CommandPipeline pipe not None,
        send,
        Py_ssize_t max_bytes,
        Py_ssize_t max_payload,
    ):
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


@cython.freelist(256)
cdef class PendingAck:
    cdef public FastPath lane
    cdef public WriteBuffer sink
    cdef public bytes ack, payload
    cdef public double started

    def __call__(self, reply):
        self.lane.answer_one(self, reply)


cdef struct Parts:
    # Where the parts of a plain message begin in its payload, and how long they are; `reply_to` of none: size 0.
    Py_ssize_t ack_size, room, room_size, id, id_size, text, text_size, reply_to, reply_to_size
    bint is_ascii


cdef class FastPath:
    cdef public FlushQueue outgoing
    cdef public OutcomeCounter tally
    cdef public object seen, failed
    cdef public long long in_flight, taken
    cdef uint64_t random

    def __init__(self, FlushQueue outgoing not None, OutcomeCounter tally not None, *, seen, failed):
        self.outgoing = outgoing
        self.tally = tally
        self.seen = seen
        self.failed = failed
        self.in_flight = 0
        self.taken = 0
        self.random = getrandbits(64) | 1

    def take(self, WriteBuffer sink not None, payload):
        cdef bytes whole = bytes(payload)
        return self.take_payload(sink, whole)

    def answer(self, PendingAck receipt not None, reply):
        self.answer_one(receipt, reply)

    cdef bint take_payload(self, WriteBuffer sink, bytes payload) except -1:
        cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(payload)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
        cdef Parts parts
        cdef SendTicket ticket
        cdef double now
        cdef dict book = sink.book
        if book is None or not read_plain(at, size, &parts):
            return False
        room = PyBytes_FromStringAndSize(<const char *>at + parts.room, parts.room_size)
        cdef PyObject *found = PyDict_GetItem(book, room)
        if found is NULL:
            return False
        ticket = <SendTicket?><object>found
        if size > ticket.max_payload or parts.text_size > ticket.max_bytes:
            return False
        if not parts.is_ascii and not is_utf8(<const char *>at + parts.text, parts.text_size):
            return False
        if not ticket.pipe.is_open:
            del book[room]
            return False
        now = monotonic()
        if not PySet_Contains(ticket.rooms, ticket.room) or not ticket.bucket.take(now):
            return False
        cdef bytes command = self.command(ticket, at, &parts)
        cdef PendingAck receipt = PendingAck.__new__(PendingAck)
        receipt.lane = self
        receipt.sink = sink
        receipt.ack = PyBytes_FromStringAndSize(<const char *>at + 2, parts.ack_size)
        receipt.payload = payload
        receipt.started = now
        if ticket.send is None:
            ticket.pipe.queue(command, receipt, "")
        else:
            ticket.send(command, receipt)
        self.in_flight += 1
        self.taken += 1
        if now - ticket.seen_at >= SEEN_SECONDS:
            ticket.seen_at = now
            self.seen(ticket.sid)
        return True

    cdef bytes command(self, SendTicket ticket, const uint8_t *at, Parts *parts):
        """`head`, and three more arguments: a fresh epoch, `dedup` with the id, and the JSON of the message."""
        cdef char middle[80]
        cdef char before_tail[32]
        cdef Py_ssize_t head = PyBytes_GET_SIZE(ticket.head), author = PyBytes_GET_SIZE(ticket.author)
        cdef Py_ssize_t dedup = PyBytes_GET_SIZE(ticket.dedup), id = parts.id_size, text = parts.text_size
        cdef Py_ssize_t reply_to = parts.reply_to_size
        # "id":"…" author "…" and perhaps ,"reply_to":… and the brace
        cdef Py_ssize_t tail = 6 + id + 1 + author + 1 + text + 1 + (12 + reply_to if reply_to else 0) + 1
        cdef int first, second
        self.random ^= self.random << 13
        self.random ^= self.random >> 7
        self.random ^= self.random << 17
        first = snprintf(middle, sizeof(middle), "$16\r\n%016llx\r\n$%zd\r\n", self.random, dedup + id)
        second = snprintf(before_tail, sizeof(before_tail), "\r\n$%zd\r\n", tail)
        cdef bytes command = PyBytes_FromStringAndSize(NULL, head + first + dedup + id + second + tail + 2)
        cdef char *to = PyBytes_AS_STRING(command)
        to = put(to, PyBytes_AS_STRING(ticket.head), head)
        to = put(to, middle, first)
        to = put(to, PyBytes_AS_STRING(ticket.dedup), dedup)
        to = put(to, <const char *>at + parts.id, id)
        to = put(to, before_tail, second)
        to = put(to, '"id":"', 6)
        to = put(to, <const char *>at + parts.id, id)
        to = put(to, '"', 1)
        to = put(to, PyBytes_AS_STRING(ticket.author), author)
        to = put(to, '"', 1)
        to = put(to, <const char *>at + parts.text, text)
        to = put(to, '"', 1)
        if reply_to:
            to = put(to, PyBytes_AS_STRING(REPLY_TO), 12)
            to = put(to, <const char *>at + parts.reply_to, reply_to)
        put(to, "}\r\n", 3)
        return command

    cdef int answer_one(self, PendingAck receipt, object reply) except -1:
        cdef char packet[256]
        cdef int size
        cdef list row
        self.in_flight -= 1
        if type(reply) is not list or len(<list>reply) != 4:
            self.failed(receipt, reply)
            return 0
        row = <list>reply
        if PyBytes_GET_SIZE(receipt.ack):
            size = snprintf(
                packet,
                sizeof(packet),
                '3%s[{"seq":%lld,"time":%lld,"epoch":"%.64s","duplicate":%s,"ok":true}]',
                PyBytes_AS_STRING(receipt.ack),
                <long long>row[1],
                <long long>row[2],
                PyBytes_AS_STRING(<bytes?>row[3]),
                <const char *>"true" if row[0] else <const char *>"false",
            )
            self.outgoing.send_all((receipt.sink,), <const uint8_t *>packet, size)
        self.tally.add(monotonic() - receipt.started)
        return 0


cdef inline char *put(char *to, const char *data, Py_ssize_t size) noexcept:
    memcpy(to, data, size)
    return to + size


cdef bint is_utf8(const char *text, Py_ssize_t size):
    try:
        PyUnicode_DecodeUTF8(text, size, NULL)
    except UnicodeDecodeError:
        return False
    return True


cdef inline bint is_digit(uint8_t c) noexcept nogil:
    return 48 <= c <= 57


cdef inline bint is_hex(uint8_t c) noexcept nogil:
    return 48 <= c <= 57 or 65 <= c <= 70 or 97 <= c <= 102


cdef Py_ssize_t number(const uint8_t *at, Py_ssize_t size) noexcept nogil:
    """The length of the number of up to 16 digits at the beginning; 0 for none, and for one with a leading zero."""
    cdef Py_ssize_t digits = 0
    while digits < size and is_digit(at[digits]):
        digits += 1
    return 0 if digits > 16 or (digits > 1 and at[0] == 48) else digits


cdef inline bint follows(const uint8_t *at, Py_ssize_t left, bytes text) noexcept:
    return left >= PyBytes_GET_SIZE(text) and memcmp(at, PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text)) == 0


cdef bint read_plain(const uint8_t *at, Py_ssize_t size, Parts *parts) noexcept:
    """The grammar at the top of `lane`, by hand; False for anything else."""
    cdef Py_ssize_t i = 2, end
    cdef long long reply_to = 0
    if size < 60 or at[0] != FOUR or at[1] != 50:
        return False
    parts.ack_size = number(at + i, size - i)
    if parts.ack_size == 0 and is_digit(at[i]):
        return False
    i += parts.ack_size
    if not follows(at + i, size - i, EVENT):
        return False
    parts.room = i = i + PyBytes_GET_SIZE(EVENT)
    while i < size and is_of_room(at[i]):
        i += 1
    parts.room_size = i - parts.room
    if not 1 <= parts.room_size <= 128 or not follows(at + i, size - i, ID):
        return False
    parts.id = i = i + PyBytes_GET_SIZE(ID)
    while i < size and 33 <= at[i] <= 126 and at[i] != QUOTE and at[i] != BACKSLASH:
        i += 1
    parts.id_size = i - parts.id
    if not 1 <= parts.id_size <= 64 or not follows(at + i, size - i, TEXT):
        return False
    parts.text = i + PyBytes_GET_SIZE(TEXT)
    end = end_of_text(at, size, parts)
    parts.text_size = end - parts.text
    if parts.text_size < 1:
        return False
    i = end + 1
    parts.reply_to_size = 0
    if follows(at + i, size - i, REPLY_TO):
        parts.reply_to = i = i + PyBytes_GET_SIZE(REPLY_TO)
        parts.reply_to_size = number(at + i, size - i)
        if parts.reply_to_size == 0 or at[i] == 48:
            return False
        for end in range(i, i + parts.reply_to_size):
            reply_to = reply_to * 10 + at[end] - 48
        if reply_to > MAX_SEQ:
            return False
        i += parts.reply_to_size
    return i + 2 == size and at[i] == 125 and at[i + 1] == 93


cdef inline bint is_of_room(uint8_t c) noexcept nogil:
    # A-Z a-z 0-9 _ . : @ -
    return 64 <= c <= 90 or 97 <= c <= 122 or 48 <= c <= 58 or c == 95 or c == 45 or c == 46


cdef Py_ssize_t end_of_text(const uint8_t *at, Py_ssize_t size, Parts *parts) noexcept:
    """Where the JSON string that begins at `parts.text` has its closing quote; -1 for one that is not plain."""
    cdef Py_ssize_t i = parts.text, k
    cdef uint8_t c, seen = 0
    while i < size:
        c = at[i]
        if c == QUOTE:
            parts.is_ascii = not seen & 0x80
            return i
        if c < 32:
            return -1
        seen |= c
        i += 1
        if c != BACKSLASH:
            continue
        if i + 1 >= size:
            return -1
        c = at[i]
        i += 1
        if c == 117:  # \u and four digits; halves of a pair are for others to judge
            if i + 4 >= size or (at[i] | 32 == 100 and not (is_digit(at[i + 1]) and at[i + 1] < 56)):
                return -1
            for k in range(4):
                if not is_hex(at[i + k]):
                    return -1
            i += 4
        elif not (c == QUOTE or c == BACKSLASH or c == 47 or c == 98 or c == 102 or c == 110 or c == 114 or c == 116):
            return -1
    return -1


cdef class FrameReceiver:
    cdef public object session, unmask
    cdef public bint is_probe, is_midway
    cdef public Traffic traffic
    cdef public FastPath lane

    def __init__(self, session, *, bint is_probe, unmask, Traffic traffic not None, FastPath lane):
        self.session = session
        self.is_probe = is_probe
        self.is_midway = False
        self.unmask = unmask
        self.traffic = traffic
        self.lane = lane

    def data_received(self, bytes data):
        cdef WriteBuffer sink
        self.traffic.received += PyBytes_GET_SIZE(data)
        if self.session is not None and self.lane is not None and not self.is_probe and not self.is_midway:
            sink = <WriteBuffer?>self.session
            if sink.book and not sink.held:
                payload = whole_text(data)
                if payload is not None and self.lane.take_payload(sink, <bytes>payload):
                    return
        self.came(data)

    def came(self, bytes data):
        raise NotImplementedError


cdef bytes whole_text(bytes data):
    """The payload when `data` is exactly one masked TEXT frame of up to 64 KiB; else None."""
    cdef const uint8_t *at = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef Py_ssize_t i, size = PyBytes_GET_SIZE(data) - 6, start = 6
    cdef bytes payload
    cdef uint8_t *to
    if size < 0 or at[0] != 0x81:
        return None
    if size > 125:
        size -= 2
        start = 8
        if at[1] != (0x80 | 126) or size < 126 or (at[2] << 8 | at[3]) != size:
            return None
    elif at[1] != (0x80 | size):
        return None
    payload = PyBytes_FromStringAndSize(NULL, size)
    to = <uint8_t *>PyBytes_AS_STRING(payload)
    at += start
    for i in range(size):
        to[i] = at[i] ^ at[(i & 3) - 4]
    return payload
