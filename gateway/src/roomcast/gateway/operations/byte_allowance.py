"""Count the bytes that one user writes into room logs through this gateway; `daily_bytes.py` adds up those of all."""

from __future__ import annotations

from roomcast.hotpath.choice import prefer_compiled


class ByteAllowance:
    """The part of a user's day that this gateway knows. All connections of the user here share it.

    `unreported` bytes were written since the last report to Redis. While `is_spent`, the user may write nothing more;
    the next day begins at `until` (monotonic seconds). Redis was last asked at `asked_at`.
    """

    __slots__ = ("asked_at", "connections", "is_spent", "unreported", "until")

    def __init__(self) -> None:
        self.unreported = 0
        self.is_spent = False
        self.until = 0.0
        self.asked_at = 0.0
        self.connections = 0


prefer_compiled(__name__)
