"""One client with its rooms. Like `web/sdk` it reconnects, joins again, holds back live messages and resends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple

from loadtest.chaos.backoff import RECONNECT, RESEND
from loadtest.chaos.client_connection import Turned, Wire, WireLost, open_wire
from loadtest.chaos.journal import Place, Reading, Sent, Visit
from loadtest.chaos.outbox import Outbox
from loadtest.chaos.timeline import Timeline
from roomcast.wire.tasks import TaskSet

CONNECT_SECONDS: Final = 10.0
ACK_SECONDS: Final = 8.0
SILENCE_SECONDS: Final = 45.0
HEARTBEAT_SECONDS: Final = 30.0
ECHO_SECONDS: Final = 2.0
"""Seconds from an ack until the writer checks that its own copy of the message has arrived."""
PAGE: Final = 100
_MAX_PAGES: Final = 200


class Answer(NamedTuple):
    """The outcome of one attempt to send: `ack`, the reason of a refusal, `timeout` or `cut`; `took` in seconds."""

    at: float
    took: float
    outcome: str
    node: str


class Change(NamedTuple):
    """A change at gateway `node`: the client lost its connection (`up` False), or was back with all rooms caught up."""

    at: float
    up: bool
    node: str
    reason: str


@dataclass(slots=True)
class Ledger:
    """Outcomes of sends, refused connections and event counts of all clients of a run; the journal has the messages."""

    answers: list[Answer] = field(default_factory=list)
    turned: list[tuple[float, Turned]] = field(default_factory=list)
    """Connections that were refused with an HTTP status, with their times."""
    failed_connects: list[tuple[float, str]] = field(default_factory=list)
    connects: int = 0
    told: dict[str, int] = field(default_factory=dict)
    """Counts of `drain`, `resync`, `recovered: false` and refused joins."""

    def tell(self, what: str) -> None:
        self.told[what] = self.told.get(what, 0) + 1


@dataclass(frozen=True, slots=True)
class Dial:
    """The address and identity with which a client connects."""

    host: str
    port: int
    source: str
    token: str


class Room:
    """A room of one client."""

    __slots__ = ("attempt", "is_joining", "join_again", "name", "outbox", "timeline")

    def __init__(self, reading: Reading) -> None:
        self.name = reading.room
        self.timeline = Timeline(reading)
        self.outbox = Outbox()
        self.attempt = 0
        self.is_joining = False
        self.join_again = False


class Person:
    """One client. `start` connects it, `stop` ends it for good. `is_back`: connected, and caught up in every room."""

    def __init__(
        self,
        name: str,
        dial: Dial,
        readings: Sequence[Reading],
        ledger: Ledger,
        random: Random,
        clock: Callable[[], float],
    ) -> None:
        self.name = name
        self.node = ""
        self.changes: list[Change] = []
        self.visits: list[Visit] = []
        self.wire: Wire | None = None
        self.rooms = {reading.room: Room(reading) for reading in readings}
        for reading in readings:
            reading.visits = self.visits
        self._dial = dial
        self._ledger = ledger
        self._random = random
        self._clock = clock
        self._attempt = 0
        self._ready: asyncio.Future[str] | None = None
        self._tasks = TaskSet()
        self._online = TaskSet()

    def start(self) -> None:
        self._tasks.start(self._live(), f"client {self.name}")

    async def stop(self) -> None:
        await self._tasks.cancel()
        if self.wire is not None:
            self.wire.abort("the run is over")
        await self._online.cancel()

    @property
    def is_back(self) -> bool:
        return self.wire is not None and all(room.timeline.is_current for room in self.rooms.values())

    def say(self, sent: Sent) -> None:
        """Put a message into the outbox; it is sent at once, or after the room is joined."""
        room = self.rooms[sent.room]
        room.outbox.add(sent)
        self._flush(room)

    # --- the connection ---

    async def _live(self) -> None:
        while True:
            wait = 0.0
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    wire = await self._connect()
                await self._stay(wire)
            except Turned as refusal:
                self._ledger.turned.append((self._clock(), refusal))
                wait = refusal.wait
            except (OSError, TimeoutError) as error:
                self._ledger.failed_connects.append((self._clock(), str(error) or type(error).__name__))
            pause = RECONNECT.wait(self._attempt, self._random.random(), wait)
            self._attempt += 1
            await asyncio.sleep(pause)

    async def _connect(self) -> Wire:
        self._ledger.connects += 1
        dial = self._dial
        self._ready = asyncio.get_running_loop().create_future()
        wire = await open_wire(dial.host, dial.port, dial.source, self._hear)
        try:
            await wire.sign_in(dial.token)
            await asyncio.wait({self._ready, wire.lost}, return_when=asyncio.FIRST_COMPLETED)
            if wire.lost.done():
                raise WireLost(wire.lost.result())
        except BaseException:
            wire.abort("sign-in failed")
            raise
        self.node = self._ready.result()
        return wire

    async def _stay(self, wire: Wire) -> None:
        """Serve a connection from `ready` until it is lost."""
        self.wire = wire
        self._attempt = 0
        self.visits.append(Visit(self._clock(), self.node))
        for room in self.rooms.values():
            room.timeline.connected()
            room.attempt = 0
            self._wish(room)
        self._online.start(self._beat(wire), "heartbeat")
        try:
            reason = await wire.lost
        finally:
            self.wire = None
            await self._online.cancel()
            for room in self.rooms.values():
                room.timeline.is_current = room.is_joining = room.join_again = False
                room.outbox.cut()
        self.changes.append(Change(self._clock(), False, self.node, reason))

    async def _beat(self, wire: Wire) -> None:
        """Send heartbeats, and close a connection that has been silent for too long."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS * self._random.uniform(0.5, 1.0))
            if loop.time() - wire.heard_at > SILENCE_SECONDS:
                wire.abort("ping timeout")
            wire.emit("presence", {"status": "online"})

    # --- received events ---

    def _hear(self, name: str, payload: Any) -> None:
        if name == "message":
            room = self.rooms.get(payload["room"])
            if room is not None:
                room.timeline.live(payload, self._clock(), self.node)
                if room.timeline.has_gap:
                    self._wish(room)
        elif name == "ready" and self._ready is not None and not self._ready.done():
            self._ready.set_result(str(payload["node"]))
        elif name == "resync" and payload["room"] in self.rooms:
            room = self.rooms[payload["room"]]
            self._ledger.tell("resync")
            room.timeline.resync(self._clock(), self.node)
            self._wish(room)
        elif name == "drain":
            self._ledger.tell("drain")

    # --- joining ---

    def _wish(self, room: Room) -> None:
        """Join a room. Each room has one join at a time; a request during a join starts another join afterwards."""
        room.join_again = True
        if not room.is_joining and self.wire is not None:
            room.is_joining = True
            self._online.start(self._enter(room, self.wire), f"join {room.name}")

    async def _enter(self, room: Room, wire: Wire) -> None:
        while room.join_again and not wire.lost.done():
            room.join_again = False
            if not await self._catch_up(room, wire):
                room.join_again = True
                await asyncio.sleep(RECONNECT.wait(room.attempt, self._random.random()))
                room.attempt += 1
        room.is_joining = False

    async def _catch_up(self, room: Room, wire: Wire) -> bool:
        """Join, and read the missed pages and the history before a declared loss. Return False to be called again."""
        timeline, was_back = room.timeline, self.is_back
        with suppress(TimeoutError, WireLost):
            for _ in range(_MAX_PAGES):
                since = timeline.since
                payload = {"room": room.name, "limit": PAGE, **({"since": since} if since else {})}
                answer = await wire.call("room:join", payload, ACK_SECONDS)
                if not answer["ok"]:
                    self._ledger.tell(f"join refused: {answer['error']['reason']}")
                    return False
                if since and not answer["recovered"]:
                    self._ledger.tell("recovered: false")
                if not timeline.joined(answer, since, self._clock(), self.node):
                    break
            room.attempt = 0
            room.outbox.is_open = True
            self._flush(room)
            if self.is_back and not was_back:
                self.changes.append(Change(self._clock(), True, self.node, ""))
            return await self._read_back(room, wire)
        return False

    async def _read_back(self, room: Room, wire: Wire) -> bool:
        while (before := room.timeline.gap_before) is not None:
            payload = {"room": room.name, "before": before, "limit": PAGE}
            answer = await wire.call("message:history", payload, ACK_SECONDS)
            if not answer["ok"]:
                return False
            room.timeline.history(answer, self._clock(), self.node)
        return True

    # --- sending ---

    def _flush(self, room: Room) -> None:
        if self.wire is not None:
            for sent in room.outbox.take():
                self._online.start(self._send(room, sent, self.wire), "send")

    async def _send(self, room: Room, sent: Sent, wire: Wire) -> None:
        sent.tries += 1
        begun, node = self._clock(), self.node
        payload = {"room": room.name, "id": sent.id, "text": sent.id}
        try:
            answer = await wire.call("message:send", payload, ACK_SECONDS)
        except WireLost:
            self._ledger.answers.append(Answer(begun, self._clock() - begun, "cut", node))
            return
        except TimeoutError:
            self._refused(room, sent, Answer(begun, self._clock() - begun, "timeout", node), 0.0)
            return
        took = self._clock() - begun
        if not answer["ok"]:
            error = answer["error"]
            self._refused(room, sent, Answer(begun, took, error["reason"], node), error.get("retry_after") or 0.0)
            return
        sent.acked_at, sent.acked_by = self._clock(), node
        sent.place = Place(answer["epoch"], answer["seq"])
        room.outbox.answered(sent.id, acked=True)
        self._ledger.answers.append(Answer(begun, took, "ack", node))
        if not room.timeline.reading.is_plain:
            asyncio.get_running_loop().call_later(ECHO_SECONDS, self._expect_copy, room, sent.place)

    def _refused(self, room: Room, sent: Sent, answer: Answer, retry_after: float) -> None:
        """Pause the room after a refusal, so that later messages do not overtake the refused one."""
        self._ledger.answers.append(answer)
        room.outbox.answered(sent.id, acked=False)
        if not room.outbox.paused:
            room.outbox.paused = True
            self._online.start(self._resume(room, sent.tries, retry_after), "resume")

    async def _resume(self, room: Room, tries: int, retry_after: float) -> None:
        await asyncio.sleep(RESEND.wait(tries - 1, self._random.random(), retry_after))
        room.outbox.paused = False
        self._flush(room)

    def _expect_copy(self, room: Room, place: Place) -> None:
        """Join again if the writer's own copy of an acked message has not arrived: the client has missed messages."""
        timeline = room.timeline
        if timeline.is_current and timeline.last < place.seq:
            self._wish(room)
