"""Judge the journal of a run by rules modelled on Jepsen's queue checks. Pure.

    lost        acked, and a member of the room did not read it
    declared    not read, but the member received a declaration (`recovered: false` or `resync`) that covers the message
    unexpected  read, but never sent to that room
    duplicates  one message at two places of one epoch, or delivered twice on one connection
    inversions  a message that came after a higher seq, on a connection or in a client's merged timeline
    disagreements  places (epoch and seq) at which two readers saw different messages

A send that timed out is unknown, neither acked nor lost. Each kind is also counted per gateway that served the reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from loadtest.chaos.journal import Journal, Place, Reading, Sent

KINDS: Final = ("lost", "declared", "unexpected", "duplicates", "inversions", "disagreements")
_MAX_EXAMPLES: Final = 20


class Finding(NamedTuple):
    """One violation, with the gateway that served the reader."""

    kind: str
    node: str
    reader: str
    room: str
    message: str
    detail: str


@dataclass(slots=True)
class Verdict:
    """Counts, in total and per gateway, with examples of each kind. `may_declare`: declared loss is allowed."""

    may_declare: bool
    attempted: int = 0
    acked: int = 0
    unknown: int = 0
    deliveries: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    per_node: dict[str, Counter[str]] = field(default_factory=dict)
    examples: list[Finding] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Return one sentence per kind of violation that was found; an empty list for a good run."""
        bad = [kind for kind in KINDS if self.counts[kind] and not (kind == "declared" and self.may_declare)]
        sentences = [f"{kind}: {self.counts[kind]}" for kind in bad]
        return sentences if self.acked else [*sentences, "no message was acked: there is nothing to judge"]

    def take(self, finding: Finding) -> None:
        self.counts[finding.kind] += 1
        self.per_node.setdefault(finding.node, Counter())[finding.kind] += 1
        if sum(example.kind == finding.kind for example in self.examples) < _MAX_EXAMPLES:
            self.examples.append(finding)


def judge(journal: Journal, *, may_declare: bool) -> Verdict:
    """Check every reading against the messages sent."""
    verdict = Verdict(may_declare)
    verdict.attempted = len(journal.sent)
    verdict.acked = sum(sent.acked_at is not None for sent in journal.sent.values())
    verdict.unknown = verdict.attempted - verdict.acked
    acked_in: dict[str, list[Sent]] = {}
    for sent in journal.sent.values():
        if sent.acked_at is not None:
            acked_in.setdefault(sent.room, []).append(sent)
    seen_at: dict[tuple[str, Place], str] = {}
    for reading in journal.readings:
        verdict.deliveries += len(reading.deliveries)
        for check in (
            _missing(reading, acked_in.get(reading.room, [])),
            _unexpected(reading, journal.sent),
            _twice(reading),
            _disordered(reading),
            _disagreeing(reading, seen_at),
        ):
            for finding in check:
                verdict.take(finding)
    return verdict


def _missing(reading: Reading, acked: list[Sent]) -> Iterator[Finding]:
    read = {delivery.id for delivery in reading.deliveries}
    for sent in acked:
        if sent.id in read:
            continue
        kind = "declared" if is_declared(reading, sent) else "lost"
        node = reading.node_at(sent.acked_at or sent.at)
        yield Finding(kind, node, reading.reader, reading.room, sent.id, f"acked at {sent.place} by {sent.acked_by}")


def is_declared(reading: Reading, sent: Sent) -> bool:
    """Return whether a declaration to the reader in this room covers this message.

    A declaration restarts the reader at a place of an epoch. It covers messages up to that place in the same epoch,
    and messages of other epochs that were sent before the declaration. It covers no later message.
    """
    return any(
        sent.place.seq <= cut.seq if sent.place and sent.place.epoch == cut.epoch else sent.at <= cut.at
        for cut in reading.declared
    )


def _unexpected(reading: Reading, sent: dict[str, Sent]) -> Iterator[Finding]:
    for delivery in reading.deliveries:
        origin = sent.get(delivery.id)
        if origin is None or origin.room != reading.room:
            where = "never sent" if origin is None else f"sent to {origin.room}"
            yield Finding("unexpected", delivery.node, reading.reader, reading.room, delivery.id, where)


def _twice(reading: Reading) -> Iterator[Finding]:
    """Yield duplicates within an epoch. In a new epoch the server may log a resent message again; clients drop it."""
    first: dict[str, Place] = {}
    for delivery in reading.deliveries:
        known = first.setdefault(delivery.id, delivery.place)
        if known is not delivery.place:
            yield Finding("duplicates", delivery.node, reading.reader, reading.room, delivery.id, "kept twice")
    for repeat in reading.repeats:
        before = first.get(repeat.id)
        if before is not None and before.epoch == repeat.place.epoch:
            detail = f"at {before} and {repeat.place}"
            yield Finding("duplicates", repeat.node, reading.reader, reading.room, repeat.id, detail)
    for disorder in reading.disorders:
        if disorder.repeat:
            detail = f"live at {disorder.place}, again"
            yield Finding("duplicates", disorder.node, reading.reader, reading.room, "", detail)


def _disordered(reading: Reading) -> Iterator[Finding]:
    for disorder in reading.disorders:
        if not disorder.repeat:
            detail = f"live at {disorder.place} after {disorder.last}"
            yield Finding("inversions", disorder.node, reading.reader, reading.room, "", detail)
    last: dict[str, int] = {}
    for delivery in reading.deliveries:
        if delivery.via == "history":
            continue  # clients read the history backwards, page by page
        epoch, seq = delivery.place
        if seq <= last.get(epoch, 0):
            detail = f"{delivery.place} after {last[epoch]}"
            yield Finding("inversions", delivery.node, reading.reader, reading.room, delivery.id, detail)
        last[epoch] = max(seq, last.get(epoch, 0))


def _disagreeing(reading: Reading, seen_at: dict[tuple[str, Place], str]) -> Iterator[Finding]:
    for delivery in reading.deliveries:
        other = seen_at.setdefault((reading.room, delivery.place), delivery.id)
        if other != delivery.id:
            detail = f"{delivery.place} is {other} elsewhere"
            yield Finding("disagreements", delivery.node, reading.reader, reading.room, delivery.id, detail)


def incomplete(journal: Journal) -> list[tuple[Reading, Sent]]:
    """Return each reader with the writers' last acked messages that it lacks and that no declaration covers."""
    last: dict[tuple[str, str], Sent] = {}
    for sent in journal.sent.values():
        key = (sent.room, sent.writer)
        if sent.acked_at is not None and (key not in last or sent.counter > last[key].counter):
            last[key] = sent
    by_room: dict[str, list[Sent]] = {}
    for sent in last.values():
        by_room.setdefault(sent.room, []).append(sent)
    open_ends = []
    for reading in journal.readings:
        read = {delivery.id for delivery in reading.deliveries}
        open_ends += [
            (reading, sent)
            for sent in by_room.get(reading.room, [])
            if sent.id not in read and not is_declared(reading, sent)
        ]
    return open_ends
