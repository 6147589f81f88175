"""Keep the unacked messages of one client in one room, in order, as the sender of `web/sdk` does. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from loadtest.chaos.journal import Sent

MAX_WAITING: Final = 50


@dataclass(slots=True)
class Outbox:
    """Messages without an ack. `is_open`: the room is joined on this connection; `paused`: backoff after a refusal."""

    waiting: dict[str, Sent] = field(default_factory=dict)
    in_flight: set[str] = field(default_factory=set)
    is_open: bool = False
    paused: bool = False

    @property
    def is_full(self) -> bool:
        return len(self.waiting) >= MAX_WAITING

    def add(self, sent: Sent) -> None:
        self.waiting[sent.id] = sent

    def take(self) -> list[Sent]:
        """Return the messages to send now."""
        if not self.is_open or self.paused:
            return []
        due = [sent for sent in self.waiting.values() if sent.id not in self.in_flight]
        self.in_flight.update(sent.id for sent in due)
        return due

    def answered(self, message_id: str, *, acked: bool) -> None:
        """Settle a send. An ack removes the message; after any other outcome the client sends it again, with its id."""
        self.in_flight.discard(message_id)
        if acked:
            self.waiting.pop(message_id, None)

    def cut(self) -> None:
        """Handle a lost connection: no message is in flight, and none is sent before the room is joined again."""
        self.in_flight.clear()
        self.is_open = self.paused = False
