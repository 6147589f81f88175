"""Where a session's frames wait for the flush, and how they leave."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from struct import Struct
from typing import Any, Final

_TEXT: Final = 0x81
_SHORT_HEAD: Final = Struct(">BBc").pack
_MIDDLE_HEAD: Final = Struct(">BBHc").pack
_LONG_HEAD: Final = Struct(">BBQc").pack


class Traffic:
    """What went through a server's WebSockets since its start."""

    __slots__ = ("packets", "received", "sent", "writes")

    def __init__(self) -> None:
        self.received = 0
        """bytes from clients"""
        self.writes = 0
        self.packets = 0
        """packets in these writes"""
        self.sent = 0
        """bytes in them"""


class WriteBuffer:
    """One session as the hot path sees it.

    `outbox` holds what waits, `credit` the bytes that may still be queued without a look at the transport; negative:
    none, whoever queues must ask the session. `held`: while it is not 0, messages may not overtake what is under way.
    """

    __slots__ = ("book", "credit", "held", "max_credit", "outbox", "transport")

    def __init__(self, max_credit: int) -> None:
        self.outbox: list[Any] = []
        self.credit = -1
        self.max_credit = max_credit
        self.held = 0
        self.transport: asyncio.Transport | None = None
        self.book: dict[bytes, Any] | None = None
        """The rooms into which this session's plain messages may go: see `lane.SendTicket`."""

    def write(self, data: bytes) -> None:
        """Now; nowhere while there is no transport."""
        if self.transport is not None:
            self.transport.write(data)


class FlushQueue:
    """The sinks with something to write. A subclass has the flush that serves them."""

    def __init__(self) -> None:
        self.dirty: list[WriteBuffer] = []
        self.is_armed = False

    def arm(self) -> None:
        """There is something to flush, and no flush is on its way: `is_armed` from now on until it has come."""
        raise NotImplementedError

    def slow(self, sinks: list[WriteBuffer], packet: bytes) -> None:
        """A Socket.IO packet for sessions whose credit does not cover it."""
        raise NotImplementedError

    def queue(self, sinks: Sequence[WriteBuffer], data: bytes) -> list[WriteBuffer] | None:
        """Queue whole frames for every sink; the answer are those whose credit does not cover it, and got nothing."""
        size = len(data)
        mark = self.dirty.append
        poor: list[WriteBuffer] | None = None
        for sink in sinks:
            credit = sink.credit - size
            if credit >= 0:
                sink.credit = credit
                outbox = sink.outbox
                if not outbox:
                    mark(sink)
                outbox.append(data)
            elif poor is None:
                poor = [sink]
            else:
                poor.append(sink)
        if self.dirty and not self.is_armed:
            self.arm()
        return poor

    def send(self, sinks: Sequence[WriteBuffer], packet: bytes) -> None:
        """A Socket.IO packet (UTF-8, without Engine.IO's `4`), framed once for all."""
        poor = self.queue(sinks, text_frame(packet))
        if poor is not None:
            self.slow(poor, packet)


def text_frame(packet: bytes) -> bytes:
    """The WebSocket frame (RFC 6455) of an Engine.IO message: what `frames.Frames` makes of a packet."""
    size = len(packet) + 1
    if size < 126:
        return _SHORT_HEAD(_TEXT, size, b"4") + packet
    if size < 65_536:
        return _MIDDLE_HEAD(_TEXT, 126, size, b"4") + packet
    return _LONG_HEAD(_TEXT, 127, size, b"4") + packet


def write_out(batch: Sequence[WriteBuffer], traffic: Traffic) -> list[WriteBuffer] | None:
    """One joined write for each sink that has something; those without credit are the answer, untouched."""
    poor: list[WriteBuffer] | None = None
    last: list[bytes] | None = None
    joined = b""
    for sink in batch:
        if sink.credit < 0:
            poor = [sink] if poor is None else [*poor, sink]
            continue
        outbox = sink.outbox
        if not outbox:
            continue
        # Members of one room often have the same frames queued: join those once.
        if outbox != last:
            last = outbox[:]
            joined = b"".join(outbox) if len(outbox) > 1 else outbox[0]
        traffic.writes += 1
        traffic.packets += len(outbox)
        traffic.sent += len(joined)
        outbox.clear()
        sink.credit = sink.max_credit
        sink.write(joined)
    return poor
