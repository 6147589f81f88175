"""Check the order of a room's packets on one gateway: no packet is delivered twice, early, or after an unnoticed gap.

A gateway gets a room's packets through pub/sub, at most once each. `OrderTracker` compares each `seq` with the last
delivered `seq`, and returns a verdict. The caller reads the log if messages are missing. `order.pxd` gives the compiled
build the C types.
"""

from __future__ import annotations

from enum import Enum

from roomcast.hotpath.module_loader import prefer_compiled


class Verdict(Enum):
    """The result of comparing a packet, or the log, with the last delivered position.

    As a result of `compare`, DUPLICATE means that no message is missing. OTHER_EPOCH also means that the log was rolled
    back within the same epoch.
    """

    DELIVER = "deliver"
    DUPLICATE = "duplicate"
    GAP = "gap"
    OTHER_EPOCH = "other epoch"


class OrderTracker:
    """The position of a room up to which this gateway has delivered: `epoch` (16 bytes; empty: unknown) and `seq`."""

    __slots__ = ("epoch", "seq")

    def __init__(self) -> None:
        self.epoch = b""
        self.seq = 0

    @property
    def is_set(self) -> bool:
        """Tell whether the position is known."""
        return bool(self.epoch)

    def set(self, epoch: bytes, seq: int) -> None:
        """Set the position."""
        self.epoch = epoch
        self.seq = seq

    def start(self, epoch: bytes, seq: int) -> None:
        """Set the position from the log, if no packet has set it yet."""
        if not self.epoch:
            self.set(epoch, seq)

    def advance(self, epoch: bytes, seq: int) -> bool:
        """Move to this position if it is the next one; else return False and do not move."""
        if seq != self.seq + 1 or not self.epoch or epoch != self.epoch:
            return False
        self.seq = seq
        return True

    def offer(self, epoch: bytes, seq: int) -> Verdict:
        """Compare a live packet with the position. For DELIVER, move the position."""
        if self.advance(epoch, seq):
            return Verdict.DELIVER
        if not self.epoch:
            self.set(epoch, seq)
            return Verdict.DELIVER
        if epoch != self.epoch:
            return Verdict.OTHER_EPOCH
        return Verdict.GAP if seq > self.seq else Verdict.DUPLICATE

    def compare(self, epoch: bytes, seq: int, seq_when_asked: int | None = None) -> Verdict:
        """Compare the log's newest entry with the last delivered one. Does not move the position.

        Return GAP when the log is ahead, OTHER_EPOCH when its epoch differs or it was rolled back, else DUPLICATE.
        While the position is unknown, return DUPLICATE.

        `seq_when_asked` is the `seq` of this tracker when the log was read. Packets may arrive before the reply, so the
        log counts as rolled back only if its `seq` is below `seq_when_asked`.
        """
        if not self.epoch:
            return Verdict.DUPLICATE
        if epoch != self.epoch or seq < (self.seq if seq_when_asked is None else seq_when_asked):
            return Verdict.OTHER_EPOCH
        return Verdict.GAP if seq > self.seq else Verdict.DUPLICATE


prefer_compiled(__name__)
