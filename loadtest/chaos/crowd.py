"""All clients of one run, the load that they send, and figures about both."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from loadtest.chaos.checker import incomplete
from loadtest.chaos.client import Dial, Ledger, Person
from loadtest.chaos.journal import Journal, Reading, Sent
from roomcast.contract.tokens import sign
from roomcast.wire.tasks import TaskSet

ROOM_SIZE: Final = 10
ONE_PLAIN_IN: Final = 5
"""One client in this many is *plain*: it fills no gap by itself."""
CLIENTS_PER_ADDRESS: Final = 100
_CONNECTING_AT_ONCE: Final = 100
_TICK_SECONDS: Final = 0.005
clock = time.monotonic


class NotReached(RuntimeError):
    """The cluster or its clients did not reach the required state; the run cannot be judged."""


@dataclass(frozen=True, slots=True)
class Size:
    """The number of clients, and the messages a second that they send together."""

    clients: int = 1000
    rate: float = 200.0

    @property
    def rooms(self) -> int:
        return max(2, self.clients // ROOM_SIZE)


def rooms_of(index: int, rooms: int) -> tuple[int, int]:
    """Return the numbers of a client's two rooms: a home room, shared with nine neighbours, and another room. Pure."""
    home = index // ROOM_SIZE % rooms
    away = (index * 7 + 3) % rooms
    return home, away if away != home else (away + 1) % rooms


def source_address(index: int) -> str:
    """Return the source address of client `index`. Few clients share one, so that no limit per address stops them."""
    return f"127.1.{index // CLIENTS_PER_ADDRESS // 250}.{1 + index // CLIENTS_PER_ADDRESS % 250}"


class Crowd:
    """All clients of a run. Their names and rooms contain `run`, so that runs on one cluster do not mix."""

    def __init__(self, run: str, size: Size, port: int, secret: str, random: Random) -> None:
        self.journal = Journal()
        self.ledger = Ledger()
        self.skipped = 0
        self._size = size
        self._random = random
        self._counters: dict[str, int] = {}
        self._tasks = TaskSet()
        self._writing: asyncio.Task[None] | None = None
        self.people = [self._person(run, index, port, secret) for index in range(size.clients)]

    def _person(self, run: str, index: int, port: int, secret: str) -> Person:
        name = f"{run}.{index}"
        readings = [
            Reading(name, f"public:{run}-{room}", is_plain=index % ONE_PLAIN_IN == 0)
            for room in rooms_of(index, self._size.rooms)
        ]
        self.journal.readings += readings
        dial = Dial("127.0.0.1", port, source_address(index), sign(secret, name))
        return Person(name, dial, readings, self.ledger, Random(self._random.random()), clock)

    # --- life ---

    async def arrive(self, seconds: float = 60.0) -> None:
        """Connect all clients, 100 at a time. Raise NotReached if 100 clients take longer than `seconds`."""
        for start in range(0, len(self.people), _CONNECTING_AT_ONCE):
            batch = self.people[start : start + _CONNECTING_AT_ONCE]
            for person in batch:
                person.start()
            await self.wait_back(seconds, batch)

    async def leave(self) -> None:
        await self._tasks.cancel()
        for start in range(0, len(self.people), _CONNECTING_AT_ONCE):
            await asyncio.gather(*(person.stop() for person in self.people[start : start + _CONNECTING_AT_ONCE]))

    def dismiss(self, people: list[Person]) -> None:
        """Stop these clients for good; the checker ignores the messages that they read."""
        gone = {person.name for person in people}
        self.people = [person for person in self.people if person.name not in gone]
        self.journal.readings = [one for one in self.journal.readings if one.reader not in gone]
        for person in people:
            self._tasks.start(person.stop(), "dismissal")

    async def wait_back(self, seconds: float, people: Iterable[Person] | None = None) -> None:
        """Wait until `people` (default: all clients) are connected and caught up. Raise NotReached after `seconds`."""
        wanted = list(self.people if people is None else people)
        deadline = clock() + seconds
        while missing := [person for person in wanted if not person.is_back]:
            if clock() > deadline:
                unconnected = sum(person.wire is None for person in missing)
                errors = [error for _, error in self.ledger.failed_connects[-3:]]
                raise NotReached(
                    f"{len(missing)} of {len(wanted)} clients are not back within {seconds:g} s "
                    f"({unconnected} without a connection; {errors} {self.ledger.told})"
                )
            await asyncio.sleep(0.02)

    # --- load ---

    def write(self, rate: float | None = None) -> None:
        """Start to send `rate` messages a second, from random clients."""
        self._writing = self._tasks.start(self._pace(rate or self._size.rate), "load")

    def stop_writing(self) -> None:
        if self._writing is not None:
            self._writing.cancel()

    async def _pace(self, rate: float) -> None:
        begun, count = clock(), 0
        while True:
            due = int((clock() - begun) * rate)
            for _ in range(due - count):
                self.say_something()
            count = max(count, due)
            await asyncio.sleep(_TICK_SECONDS)

    def say_something(self) -> None:
        """Send one message from a random client into one of its rooms, unless its outbox is full."""
        person = self._random.choice(self.people)
        room = person.rooms[self._random.choice(list(person.rooms))]
        if room.outbox.is_full:
            self.skipped += 1
            return
        counter = self._counters[person.name] = self._counters.get(person.name, 0) + 1
        node = person.node if person.wire is not None else ""
        sent = Sent(f"{person.name}-{counter}", room.name, person.name, counter, clock(), node)
        self.journal.sent[sent.id] = sent
        person.say(sent)

    async def finish(self, seconds: float) -> float:
        """Stop writing; wait until no message waits for an ack, and every reader has every writer's last acked message.

        Return the length of the wait in seconds. It ends after `seconds` at the latest; the checker then reports the
        missing messages.
        """
        self.stop_writing()
        begun = clock()
        while clock() - begun < seconds:
            await asyncio.sleep(0.25)
            is_quiet = all(not room.outbox.waiting for person in self.people for room in person.rooms.values())
            if is_quiet and all(person.is_back for person in self.people) and not incomplete(self.journal):
                break
        return clock() - begun

    # --- figures ---

    def on_nodes(self, nodes: Iterable[str]) -> list[Person]:
        wanted = set(nodes)
        return [person for person in self.people if person.wire is not None and person.node in wanted]

    def placement(self) -> dict[str, int]:
        """Return the number of connected clients per gateway."""
        counts: dict[str, int] = {}
        for person in self.people:
            if person.wire is not None:
                counts[person.node] = counts.get(person.node, 0) + 1
        return counts

    def latencies_ms(self, begin: float, end: float, among: set[str]) -> list[float]:
        """Return the sorted times in ms from write to read: messages between clients `among`, sent in [begin, end)."""
        sent_then = {
            sent.id: sent.at for sent in self.journal.sent.values() if begin <= sent.at < end and sent.writer in among
        }
        found = [
            (delivery.at - sent_then[delivery.id]) * 1000
            for reading in self.journal.readings
            if reading.reader in among
            for delivery in reading.deliveries
            if delivery.id in sent_then
        ]
        return sorted(found)


def times_back(people: Iterable[Person], cut_at: float, since: float) -> list[float]:
    """Return the seconds from `since` until the return of each client that lost its connection after `cut_at`, sorted.

    The figure of a client that did not come back is inf.
    """
    return sorted(found for person in people if (found := _time_back(person, cut_at, since)) is not None)


def _time_back(person: Person, cut_at: float, since: float) -> float | None:
    was_cut = False
    for change in person.changes:
        if change.at < cut_at:
            continue
        if change.up and was_cut:
            return max(0.0, change.at - since)
        was_cut = was_cut or not change.up
    return float("inf") if was_cut else None
