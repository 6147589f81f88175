"""Count the bytes that one user writes into room logs through this gateway; see `daily_bytes.py` for all users."""

from __future__ import annotations

from roomcast.hotpath.module_loader import prefer_compiled


class ByteAllowance:
    """The local state of a user's daily allowance, shared by all connections of the user here.

    `unreported` bytes were written since the last report to Redis. While `is_spent`, the user may write nothing more;
    the next day begins at `until` (monotonic seconds). `asked_at` is the time of the last report.
    """

    __slots__ = ("asked_at", "connections", "is_spent", "unreported", "until")

    def __init__(self) -> None:
        self.unreported = 0
        self.is_spent = False
        self.until = 0.0
        self.asked_at = 0.0
        self.connections = 0


prefer_compiled(__name__)
