"""Keep the last payload of a polling session that was closed between two GETs, until its client fetches it.

An ended session does not count towards the limits of its client, and its payload may be as large as a full write
buffer. So there is a limit for all payloads together. Without this limit, a client could fill the memory by opening and
ending sessions.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Final

from roomcast.engineio.timers import Timers

KEPT_SECONDS: Final = 10.0
"""Time for which a payload is kept, in seconds."""
MAX_KEPT_BYTES: Final = 16_777_216
"""The most bytes of all payloads. A payload above this is dropped: its client opens a new session, and recovers."""


class _KeptPayload:
    """A payload that is dropped at `due`, in monotonic seconds."""

    __slots__ = ("_forget", "due", "payload", "slot")

    def __init__(self, payload: bytes, due: float, forget: Callable[[], object]) -> None:
        self.payload = payload
        self.due = due
        self.slot = -1
        self._forget = forget

    def on_time(self, now: float) -> None:
        if now >= self.due:
            self._forget()


class KeptPayloads:
    """The payloads by session id. `clock` returns monotonic seconds."""

    def __init__(self, timers: Timers, clock: Callable[[], float]) -> None:
        self._timers = timers
        self._clock = clock
        self._kept: dict[str, _KeptPayload] = {}
        self.size = 0
        """The bytes of all payloads."""

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, sid: str, payload: bytes, *, is_bounded: bool = True) -> None:
        """Keep a payload for KEPT_SECONDS. If `is_bounded`, drop it when the total would exceed MAX_KEPT_BYTES."""
        if is_bounded and self.size + len(payload) > MAX_KEPT_BYTES:
            return
        kept = _KeptPayload(payload, self._clock() + KEPT_SECONDS, lambda: self.take(sid))
        self._kept[sid] = kept
        self.size += len(payload)
        self._timers.watch(kept)

    def take(self, sid: str) -> bytes | None:
        """Remove the payload of a session and return it; None if no payload is kept."""
        kept = self._kept.pop(sid, None)
        if kept is None:
            return None
        payload, kept.payload, kept.due = kept.payload, b"", inf  # the timers refer to the object until its old `due`
        self.size -= len(payload)
        return payload
