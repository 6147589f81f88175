"""Keep the order of one room on one gateway: nothing is delivered twice, early, or after a silent gap. Pure.

A gateway gets a room's packets through pub/sub, at most once each. `OrderTracker` compares every `seq` with the last
one and says what to do; the caller reads the log where something is missing. `order.pxd` gives the compiled build the
C types.
"""

from __future__ import annotations

from enum import Enum

from roomcast.hotpath.choice import prefer_compiled


class Verdict(Enum):
    """The decision about a logged packet."""

    DELIVER = "deliver"
    DUPLICATE = "duplicate"
    GAP = "gap"
    OTHER_EPOCH = "other epoch"


class OrderTracker:
    """The last position of a room that was delivered here: `epoch` (16 bytes; empty: not known) and `seq`."""

    __slots__ = ("epoch", "seq")

    def __init__(self) -> None:
        self.epoch = b""
        self.seq = 0

    @property
    def is_set(self) -> bool:
        """Tell whether the position is known."""
        return bool(self.epoch)

    def set(self, epoch: bytes, seq: int) -> None:
        """Go on from this position."""
        self.epoch = epoch
        self.seq = seq

    def start(self, epoch: bytes, seq: int) -> None:
        """Take the log's word for the room's position, unless a packet has told it already."""
        if not self.epoch:
            self.set(epoch, seq)

    def advance(self, epoch: bytes, seq: int) -> bool:
        """Move to the next position if this is it; else return False, and stay."""
        if seq != self.seq + 1 or not self.epoch or epoch != self.epoch:
            return False
        self.seq = seq
        return True

    def offer(self, epoch: bytes, seq: int) -> Verdict:
        """Judge a live packet; DELIVER moves the position."""
        if self.advance(epoch, seq):
            return Verdict.DELIVER
        if not self.epoch:
            self.set(epoch, seq)
            return Verdict.DELIVER
        if epoch != self.epoch:
            return Verdict.OTHER_EPOCH
        return Verdict.GAP if seq > self.seq else Verdict.DUPLICATE

    def compare(self, epoch: bytes, seq: int, asked_at: int | None = None) -> Verdict:
        """Judge the room's position according to the log; DUPLICATE means that everything has arrived here.

        `asked_at` is the position when the log was asked. The position may have moved on while the answer was on its
        way, and only a log that is behind `asked_at` was rolled back.
        """
        if not self.epoch:
            return Verdict.DUPLICATE
        if epoch != self.epoch or seq < (self.seq if asked_at is None else asked_at):
            return Verdict.OTHER_EPOCH
        return Verdict.GAP if seq > self.seq else Verdict.DUPLICATE


prefer_compiled(__name__)
