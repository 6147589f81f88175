"""The order of one room on one gateway: nothing is delivered twice, early, or after a silent gap. Pure.

A gateway sees a room's packets through pub/sub, at most once each. `OrderTracker` compares every `seq` with the last
one and says what to do; the caller reads the log where something is missing.
"""

from __future__ import annotations

from enum import Enum

from roomcast.hotpath import Position


class Verdict(Enum):
    """What to do with a logged packet."""

    DELIVER = "deliver"
    DUPLICATE = "repeat"
    GAP = "hole"
    OTHER_EPOCH = "other epoch"


class OrderTracker(Position):
    """The last position of a room that this gateway has delivered, or knows that nobody here needs."""

    __slots__ = ()

    @property
    def is_set(self) -> bool:
        return bool(self.epoch)

    def set(self, epoch: bytes, seq: int) -> None:
        self.epoch = epoch
        self.seq = seq

    def start(self, epoch: bytes, seq: int) -> None:
        """The log said this is the room's position; it counts only where no packet said so before."""
        if not self.epoch:
            self.set(epoch, seq)

    def offer(self, epoch: bytes, seq: int) -> Verdict:
        """Judge a live packet; DELIVER moves the watch."""
        if epoch != self.epoch:
            if self.epoch:
                return Verdict.OTHER_EPOCH
            self.epoch = epoch
            self.seq = seq
            return Verdict.DELIVER
        if seq == self.seq + 1:
            self.seq = seq
            return Verdict.DELIVER
        return Verdict.GAP if seq > self.seq else Verdict.DUPLICATE

    def compare(self, epoch: bytes, seq: int, asked_at: int | None = None) -> Verdict:
        """Judge what the log says is the room's position: REPEAT means that all is here.

        `asked_at`: where the watch stood when the log was asked. It may have moved on while the answer was under way,
        and only a log that is behind that was rolled back.
        """
        if not self.epoch:
            return Verdict.DUPLICATE
        if epoch != self.epoch or seq < (self.seq if asked_at is None else asked_at):
            return Verdict.OTHER_EPOCH
        return Verdict.GAP if seq > self.seq else Verdict.DUPLICATE
