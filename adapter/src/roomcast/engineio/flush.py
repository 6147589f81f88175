"""Decide when to write the queued packets of all sockets: one joined write per socket and flush.

`write_buffer.py` has the queues and the writing. This module decides when to write, and to how many sockets. A flush
with many sockets runs in slices, and the event loop does other work between two slices. The slices do not change the
order of a client's packets, which is the order of its write buffer.

Between two flushes there is a pause: `_PACE` times the duration of the last flush, at most `_MAX_PAUSE` seconds. A
write is a system call of at least 5 µs, which is more than all other steps of a delivery together. Packets that are
queued during the pause share one write. Under load the pause costs no latency, because the event loop is busy with
other work. Without load a flush takes microseconds, and so does the pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Protocol, cast

from roomcast.engineio.frames import Frames
from roomcast.engineio.write_buffer import FlushQueue, Traffic, WriteBuffer, write_out

SLICE = 128
"""The most sockets per slice. They take about a millisecond, at 5 to 10 µs for a system call."""

LEAST_SLICE = 8
_LONG_SLICE = 0.003
_SHORT_SLICE = 0.0015
"""Longest and shortest time, in seconds, that a slice should take. After a longer slice, the next slice has fewer
sockets: a write of hundreds of kilobytes takes ten times as long as a small write."""

_OTHERS_SHARE = 4
"""Sockets that are left from earlier slices get at least 1/`_OTHERS_SHARE` of each slice."""

_PACE = 4.0
_MAX_PAUSE = 0.025
_NO_PAUSE = 0.0005
"""Pauses up to this many seconds are left out, because they are not worth a timer."""

_MANY = 100
_GATHER = 0.002
"""Seconds that a packet for more than `_MANY` sockets waits for the next packets of its room. Each packet that arrives
in this time saves one system call per member. Small rooms do not wait."""


class SlowBuffer(Protocol):
    """The methods of a session that the flush calls if the session's credit (see `WriteBuffer`) is too small."""

    def push_slowly(self, frames: Frames) -> None:
        """Queue the packet without credit, or end the session."""

    def flush_slowly(self) -> None:
        """Flush without credit."""


class Flusher(FlushQueue):
    """The sessions with queued packets, and the schedule of the flushes that write these packets."""

    def __init__(self, traffic: Traffic, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__()
        self._traffic = traffic
        self._clock = clock  # not the clock of the loop: uvloop's clock does not advance within a turn
        self._rest: list[WriteBuffer] = []
        self._spent = 0.0
        self._not_before = 0.0
        self._slice = SLICE

    def wake(self, session: WriteBuffer) -> None:
        """Write the packets of `session` with the next flush. Call this when the first packet is queued."""
        self.dirty.append(session)
        if not self.is_armed:
            self.arm()

    def push_many(self, sessions: Sequence[WriteBuffer], frames: Frames) -> None:
        """Queue `frames` for every session, in one pass."""
        self._push_slowly(self.queue(list(sessions), frames.websocket) or (), frames)

    def send_slowly(self, buffers: list[WriteBuffer], packet: bytes) -> None:
        """Send a Socket.IO packet to sessions whose credit does not cover it."""
        self._push_slowly(buffers, Frames(packet))

    @staticmethod
    def _push_slowly(buffers: Sequence[WriteBuffer], frames: Frames) -> None:
        for buffer in buffers:
            cast("SlowBuffer", buffer).push_slowly(frames)

    def arm(self) -> None:
        """Schedule the flush after the pause."""
        self.is_armed = True
        pause = self._not_before - self._clock()
        if len(self.dirty) > _MANY:
            pause = max(pause, _GATHER)
        if pause > _NO_PAUSE:
            asyncio.get_running_loop().call_later(pause, self.flush)
        else:
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write one slice, and schedule the rest for the next turn of the event loop.

        Sockets with new packets come first, so that a small room does not wait for a huge room.
        """
        started = self._clock()
        fresh, self.dirty = self.dirty, []
        most = self._slice
        share = max(most - len(fresh), most // _OTHERS_SHARE)
        batch = fresh[:most] + self._rest[:share]
        del self._rest[:share]
        self._rest += fresh[most:]
        self.is_armed = bool(self._rest)
        if self.is_armed:
            asyncio.get_running_loop().call_soon(self.flush)
        for buffer in write_out(batch, self._traffic) or ():
            cast("SlowBuffer", buffer).flush_slowly()
        ended = self._clock()
        self._spent += ended - started
        self._size_slice(ended - started)
        if not self.is_armed:
            self._not_before = ended + min(_MAX_PAUSE, _PACE * self._spent)
            self._spent = 0.0

    def _size_slice(self, seconds: float) -> None:
        """Adapt the size of the slices to the time that the last one took."""
        if seconds > _LONG_SLICE:
            self._slice = max(LEAST_SLICE, self._slice // 2)
        elif seconds < _SHORT_SLICE:
            self._slice = min(SLICE, self._slice + LEAST_SLICE)
