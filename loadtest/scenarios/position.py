"""Track by `seq` which messages of one room reached one user, are missing, or were declared lost. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class Position:
    """A user's position in a room. `last`: all messages up to this `seq` arrived; `ahead`: each `seq` after a gap."""

    __slots__ = ("_held", "ahead", "declared", "duplicates", "epoch", "last")

    def __init__(self) -> None:
        self.epoch = ""
        self.last = 0
        self.ahead: set[int] = set()
        self.duplicates = 0
        self.declared = 0
        """Number of `recovered: false` from the server, which declares that messages may be lost."""
        self._held: list[tuple[str, int]] | None = None

    @property
    def since(self) -> dict[str, Any] | None:
        """Return the `since` argument of the next join; None before the first join."""
        return {"seq": self.last, "epoch": self.epoch} if self.epoch else None

    @property
    def has_gap(self) -> bool:
        """Return whether a later message arrived before an earlier one."""
        return bool(self.ahead)

    def begin(self) -> None:
        """Keep live messages back until the ack of a join is handled, because both may arrive at the same time."""
        self._held = []

    def received(self, epoch: str, seq: int) -> bool:
        """Record a live message; return False for a duplicate or a message of another epoch."""
        if self._held is not None:
            self._held.append((epoch, seq))
            return True
        if epoch != self.epoch:
            return False
        if seq == self.last + 1:
            self.last = seq
            while self.ahead and self.last + 1 in self.ahead:
                self.last += 1
                self.ahead.remove(self.last)
            return True
        if seq <= self.last or seq in self.ahead:
            self.duplicates += 1
            return False
        self.ahead.add(seq)
        return True

    def joined(self, answer: Mapping[str, Any]) -> bool:
        """Process the page in a join's ack; return whether another page is needed."""
        held, self._held = self._held or [], None
        needs_more = self._take_page(answer)
        for epoch, seq in held:
            if epoch == self.epoch:
                self._recovered(seq)
        return needs_more

    def missing(self, newest: int) -> Sequence[int]:
        """Return each `seq` up to `newest` that did not arrive."""
        return [seq for seq in range(self.last + 1, newest + 1) if seq not in self.ahead]

    def _take_page(self, answer: Mapping[str, Any]) -> bool:
        if self.epoch and not answer["recovered"]:
            self.declared += 1
        pages = bool(self.epoch) and bool(answer["recovered"])
        if not pages:  # the first join of a room, or a new epoch: earlier messages are not expected here
            self.epoch, self.last, self.ahead = answer["epoch"], answer["seq"], set()
            return False
        for message in answer["messages"]:
            self._recovered(message["seq"])
        return bool(answer["more"])

    def _recovered(self, seq: int) -> None:
        """Record a message of a page, unless it has also arrived live in the meantime."""
        if seq > self.last and seq not in self.ahead:
            self.received(self.epoch, seq)
