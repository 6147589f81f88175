"""Where packets leave: what one loop tick queues for a socket is joined and written once.

The queues and the writing are `write_buffer.py`'s; here it is decided when to write, and how much at a time. A
flush that has many sockets to serve runs in slices, with the loop's other work between them. The order of a socket's
packets is that of its own outbox, whatever the slices do.

Under load flushes are paced: after one that took a while the next waits `_PACE` times as long, at most `_MAX_PAUSE`
seconds. A write is a system call of 5 µs at least, more than everything else about a delivery together; what gathers in
the pause shares one. It costs no latency, because the time is not idle. A quiet server's flush takes microseconds, and
so does its pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, cast

from roomcast.engineio.frames import Frames
from roomcast.engineio.write_buffer import FlushQueue, Traffic, WriteBuffer, write_out

if TYPE_CHECKING:
    from roomcast.engineio.session import Session

SLICE = 128
"""Sockets per slice: about a millisecond, at 5 to 10 µs for a system call."""

_LEAST = 32
"""Sockets of a huge room that are served in every tick, however much else there is."""

_PACE = 4.0
_MAX_PAUSE = 0.025
_NO_PAUSE = 0.0005
"""Pauses shorter than this are not worth a timer."""

_MANY = 100
_GATHER = 0.002
"""A packet for many sockets waits this long for the next ones of its room: they seldom come alone, and each that comes
in time saves as many system calls as there are members. Small rooms do not wait."""


class Flusher(FlushQueue):
    """The sessions with something to write, and the flush that serves them at the end of the tick."""

    def __init__(self, traffic: Traffic, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__()
        self._traffic = traffic
        self._clock = clock  # not the loop's: uvloop's stands still within a tick
        self._rest: list[WriteBuffer] = []
        self._spent = 0.0
        self._not_before = 0.0

    def wake(self, session: Session) -> None:
        """`session` has an outbox that was empty before."""
        self.dirty.append(session)
        if not self.is_armed:
            self.arm()

    def push_many(self, sessions: Sequence[Session], frames: Frames) -> None:
        """Queue `frames` for every session; see `Session.push`."""
        for session in self.queue(list(sessions), frames.websocket) or ():
            cast("Session", session).push_slow(frames)

    def send_slowly(self, buffers: list[WriteBuffer], packet: bytes) -> None:
        frames = Frames(packet)
        for buffer in buffers:
            cast("Session", buffer).push_slow(frames)

    def arm(self) -> None:
        self.is_armed = True
        pause = self._not_before - self._clock()
        if len(self.dirty) > _MANY:
            pause = max(pause, _GATHER)
        if pause > _NO_PAUSE:
            asyncio.get_running_loop().call_later(pause, self.flush)
        else:
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write one slice; come back in the next tick for the rest.

        What was queued last goes first: a small room does not wait until a huge one has been served.
        """
        started = self._clock()
        fresh, self.dirty = self.dirty, []
        share = max(SLICE - len(fresh), _LEAST)
        batch = fresh[:SLICE] + self._rest[:share]
        del self._rest[:share]
        self._rest += fresh[SLICE:]
        self.is_armed = bool(self._rest)
        if self.is_armed:
            asyncio.get_running_loop().call_soon(self.flush)
        for session in write_out(batch, self._traffic) or ():
            cast("Session", session).flush_slow()
        ended = self._clock()
        self._spent += ended - started
        if not self.is_armed:
            self._not_before = ended + min(_MAX_PAUSE, _PACE * self._spent)
            self._spent = 0.0
