"""Queue the frames of many sessions, and write all frames of a session to its socket at once.

The classes are plain Python; `write_buffer.pxd` gives the compiled build their C types. `flush.py` decides when a
flush happens.

The compiled build writes to the socket itself (`kernels.send_now`). So both builds follow two rules:

* Do not write directly to the socket of a closing transport, because the socket's number may belong to another
  connection by then.
* Do not write directly while the transport has buffered bytes. Such a transport has paused its session (its high-water
  mark is 0), so the session's credit is negative, and a flush skips the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from roomcast.engineio.websocket.kernels import send_now, socket_number, text_frame
from roomcast.hotpath.module_loader import prefer_compiled

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

_NO_SOCKET: Final = -1
_UNKNOWN_SOCKET: Final = -2
BLOCKED: Final = -1
"""The credit of a buffer whose transport is missing or full."""


class Traffic:
    """Counts the bytes and packets of one server's connections."""

    __slots__ = ("packets", "received", "sent", "writes")

    def __init__(self) -> None:
        self.received = 0
        """bytes from clients"""
        self.writes = 0
        self.packets = 0
        """packets in these writes"""
        self.sent = 0
        """bytes in these writes"""


class WriteBuffer:
    """The frames that wait for one client (`outbox`), and the transport to which they will be written.

    `credit` is the number of bytes that may still be queued without a call of the session. If it is BLOCKED, every
    packet needs such a call, and `queued` counts the bytes in `outbox`. `held` counts the client's earlier packets in
    progress. While it is not 0, the fast path declines the client's packets.
    """

    __slots__ = ("_socket", "_transport", "credit", "held", "max_credit", "outbox", "queued", "tickets")

    def __init__(self, max_credit: int) -> None:
        self.outbox: list[Any] = []
        self.credit = BLOCKED
        self.queued = 0
        self.max_credit = max_credit
        self.held = 0
        self._socket = _NO_SOCKET
        self._transport: asyncio.Transport | None = None
        self.tickets: dict[bytes, Any] | None = None
        """The tickets of this client for the fast path; in the chat, one per room. Without tickets, no fast path."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """The connection's transport. While it is None, writes are dropped."""
        return self._transport

    @transport.setter
    def transport(self, transport: asyncio.Transport | None) -> None:
        self._transport = transport
        self._socket = _NO_SOCKET if transport is None else _UNKNOWN_SOCKET

    def pause(self) -> None:
        """Block the buffer, because the transport is full. From now on, `queued` counts the bytes in `outbox`."""
        if self.credit >= 0:
            self.queued = self.max_credit - self.credit
            self.credit = BLOCKED

    def resume(self) -> None:
        """Unblock the buffer, because the transport has sent its bytes, or because the session has a new transport."""
        if self.credit < 0:
            self.credit = max(0, self.max_credit - self.queued)
            self.queued = 0


def write_now(buffer: WriteBuffer, data: bytes) -> None:
    """Write whole frames; without a transport, drop them. The transport keeps bytes that the kernel does not accept."""
    transport = buffer._transport
    if transport is None:
        return
    if buffer._socket == _UNKNOWN_SOCKET:
        buffer._socket = socket_number(transport)
    done = 0
    if buffer._socket != _NO_SOCKET and not transport.is_closing():
        done = send_now(buffer._socket, data)
    if done == 0:
        transport.write(data)
    elif done < len(data):
        transport.write(data[done:])


class FlushQueue:
    """The write buffers with queued frames. A subclass decides when to flush them."""

    def __init__(self) -> None:
        self.dirty: list[WriteBuffer] = []
        self.is_armed = False

    def arm(self) -> None:
        """Schedule a flush. `is_armed` is true until the flush has happened."""
        raise NotImplementedError

    def send_slowly(self, buffers: list[WriteBuffer], packet: bytes) -> None:
        """Send a Socket.IO packet to sessions whose credit does not cover it."""
        raise NotImplementedError

    def queue(self, buffers: Sequence[WriteBuffer], data: bytes) -> list[WriteBuffer] | None:
        """Queue whole frames in each buffer whose credit covers them. Return the other buffers, or None."""
        size = len(data)
        dirty = self.dirty
        short: list[WriteBuffer] | None = None
        for buffer in buffers:
            credit = buffer.credit - size
            if credit >= 0:
                buffer.credit = credit
                outbox = buffer.outbox
                if not outbox:
                    dirty.append(buffer)
                outbox.append(data)
            elif short is None:
                short = [buffer]
            else:
                short.append(buffer)
        if dirty and not self.is_armed:
            self.arm()
        return short

    def send(self, buffers: Sequence[WriteBuffer], packet: bytes, start: int = 0) -> None:
        """Queue a Socket.IO packet (UTF-8, from offset `start` on), framed once for all buffers."""
        short = self.queue(buffers, text_frame(packet, start))
        if short is not None:
            self.send_slowly(short, packet[start:])


def write_out(batch: list[WriteBuffer], traffic: Traffic) -> list[WriteBuffer] | None:
    """Write the queued frames of each buffer, joined. Return the buffers with negative credit, without writing them."""
    short: list[WriteBuffer] | None = None
    last: list[bytes] | None = None
    joined = b""
    for buffer in batch:
        if buffer.credit < 0:
            if short is None:
                short = []
            short.append(buffer)
            continue
        outbox = buffer.outbox
        packets = len(outbox)
        if packets == 0:
            continue
        # Members of one room often have the same frames queued: join the frames once for all of them.
        if last is None or outbox != last:
            last = outbox[:]
            joined = outbox[0] if packets == 1 else b"".join(outbox)
        traffic.writes += 1
        traffic.packets += packets
        traffic.sent += len(joined)
        outbox.clear()
        buffer.credit = buffer.max_credit
        write_now(buffer, joined)
    return short


prefer_compiled(__name__)
