"""The record that the clients of a run keep. Times are seconds of one monotonic clock. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Via = Literal["live", "join", "history"]


class Place(NamedTuple):
    """The place of a message in a room."""

    epoch: str
    seq: int


class Delivery(NamedTuple):
    """One message that a reader received."""

    id: str
    place: Place
    at: float
    node: str
    via: Via


class Declared(NamedTuple):
    """A declaration by the server that messages of a room may be missing.

    After `recovered: false` the reader continues after `seq` of `epoch`. A `resync` names no place: its `epoch` is ''.
    """

    epoch: str
    seq: int
    at: float
    node: str


class Visit(NamedTuple):
    """A connection of a reader to gateway `node`, made at the time `at`."""

    at: float
    node: str


class Disorder(NamedTuple):
    """A live message whose seq is not above `last`, the previous message's seq. `repeat`: both have the same place."""

    room: str
    node: str
    place: Place
    last: int
    repeat: bool


@dataclass(slots=True)
class Sent:
    """One message of a writer. `node`: the writer's gateway at that time ('' = offline)."""

    id: str
    room: str
    writer: str
    counter: int
    at: float
    node: str
    acked_at: float | None = None
    place: Place | None = None
    acked_by: str = ""
    tries: int = 0


@dataclass(slots=True)
class Reading:
    """The record of one reader in one room: kept messages, declarations of the server, and violations of the order."""

    reader: str
    room: str
    is_plain: bool = False
    deliveries: list[Delivery] = field(default_factory=list)
    declared: list[Declared] = field(default_factory=list)
    disorders: list[Disorder] = field(default_factory=list)
    repeats: list[Delivery] = field(default_factory=list)
    """Deliveries with a new place but a known id, which the reader dropped: the log has one message at two places."""
    visits: Sequence[Visit] = ()

    def node_at(self, when: float) -> str:
        """Return the gateway of the last connection before `when`; if there is none, that of the first connection."""
        node = self.visits[0].node if self.visits else ""
        for visit in self.visits:
            if visit.at > when:
                break
            node = visit.node
        return node


@dataclass(slots=True)
class Journal:
    """The whole record of one run."""

    sent: dict[str, Sent] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
