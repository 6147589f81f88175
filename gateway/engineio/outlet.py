"""Where packets leave: what one loop tick queues for a socket is joined and written once.

`push_many` and `flush` are the hot path (a room of 10,000 costs one pass each), so they inline what
`Session.push` and `SessionCore.enqueue` say in readable form; the benchmark is `loadtest`'s fan-out row.
A flush that has many sockets to serve runs in slices, with the loop's other work between them. The order of a
socket's packets is that of its own outbox, whatever the slices do.

Under load flushes are paced: after one that took a while the next waits `_PACE` times as long, at most `_MAX_PAUSE`
seconds. A write is a system call of 5 to 10 µs, more than everything else about a delivery together; what gathers in
the pause shares one. Measured in rooms of 10 at full load: a quarter less CPU per delivery, and no more latency,
because the time is not idle. A quiet server's flush takes microseconds, and so does its pause.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.engineio.frames import Frames
from gateway.engineio.observer import Observer

if TYPE_CHECKING:
    from gateway.engineio.session import Session

SLICE = 128
"""Sockets per slice: about a millisecond, at 5 to 10 µs for a system call."""

_LEAST = 32
"""Sockets of a huge room that are served in every tick, however much else there is."""

_PACE = 4.0
_MAX_PAUSE = 0.01
_NO_PAUSE = 0.0005
"""Pauses shorter than this are not worth a timer."""

_MANY = 100
_GATHER = 0.002
"""A packet for many sockets waits this long for the next ones of its room: they seldom come alone, and each that comes
in time saves as many system calls as there are members. Small rooms do not wait."""


class Outlet:
    """The sessions with something to write, and the flush that serves them at the end of the tick."""

    def __init__(self, observer: Callable[[], Observer], clock: Callable[[], float] = perf_counter) -> None:
        self._observer = observer
        self._clock = clock  # not the loop's: uvloop's stands still within a tick
        self._dirty: list[Session] = []
        self._rest: list[Session] = []
        self._is_armed = False
        self._spent = 0.0
        self._not_before = 0.0

    def wake(self, session: Session) -> None:
        """`session` has an outbox that was empty before."""
        self._dirty.append(session)
        if not self._is_armed:
            self._arm()

    def push_many(self, sessions: Iterable[Session], frames: Frames) -> None:
        """Queue `frames` for every session; see `Session.push`."""
        data = frames.websocket
        size = len(data)
        mark = self._dirty.append
        for session in sessions:
            credit = session.credit - size
            if credit >= 0:
                session.credit = credit
                outbox = session.outbox
                if not outbox:
                    mark(session)
                outbox.append(data)
            else:
                session.push_slow(frames)
        if self._dirty and not self._is_armed:
            self._arm()

    def _arm(self) -> None:
        self._is_armed = True
        pause = self._not_before - self._clock()
        if len(self._dirty) > _MANY:
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
        fresh, self._dirty = self._dirty, []
        share = max(SLICE - len(fresh), _LEAST)
        batch = fresh[:SLICE] + self._rest[:share]
        del self._rest[:share]
        self._rest += fresh[SLICE:]
        self._is_armed = bool(self._rest)
        if self._is_armed:
            asyncio.get_running_loop().call_soon(self.flush)
        last: list[bytes] | None = None
        joined = b""
        writes = packets = size = 0
        for session in batch:
            if session.credit < 0:
                session.flush_slow()
                continue
            outbox = session.outbox
            if not outbox:
                continue
            # Members of one room often have the same frames queued: join those once.
            if outbox != last:
                last = outbox[:]
                joined = b"".join(outbox) if len(outbox) > 1 else outbox[0]
            writes += 1
            packets += len(outbox)
            size += len(joined)
            outbox.clear()
            session.credit = session.max_credit
            session.write(joined)
        if writes:
            self._observer().sent(writes, packets, size)
        ended = self._clock()
        self._spent += ended - started
        if not self._is_armed:
            self._not_before = ended + min(_MAX_PAUSE, _PACE * self._spent)
            self._spent = 0.0
