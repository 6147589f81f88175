"""Clients that recover missed messages of a room after reconnects, and writers that send until a test stops them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from deploy.cluster import Cluster
from roomcast.contract.tokens import sign
from roomcast.wire.tasks import TaskSet
from tests.cluster.stock_clients import KINDS, Json, NoAnswer, Wire

LOBBY = "public:lobby"
WITHIN_SECONDS = 30.0
CALL_SECONDS = 3.0
APART_SECONDS = 15.0
PAUSE_SECONDS = 0.2
PAGE = 100


class Person:
    """One signed-in client that behaves as the protocol requires.

    After `join` the client joins the room again at every `ready`, with its last seq, and ignores repeated messages.
    """

    def __init__(self, wire: Wire, user: str) -> None:
        self.wire = wire
        self.user = user
        self.name = user.split("-")[0].title()
        self.events: list[tuple[str, Json]] = []
        self.log: dict[int, Json] = {}
        self.epoch = ""
        self.heard: list[list[int]] = [[]]
        """The seqs of live messages in the order of arrival, one list per connection."""
        self.answers: list[Json] = []
        """The acks of all joins of the room."""
        self._room: str | None = None
        self._joining = asyncio.Lock()
        self._news = asyncio.Event()
        self._tasks = TaskSet()

    # --- the connection ---

    async def connect(self, cluster: Cluster, transports: Sequence[str] = ()) -> None:
        token = sign(cluster.jwt_secret, self.user, name=self.name, create=["*"])
        await self.wire.open(cluster.url, token, transports, self._hear)
        await self.expect("ready")

    @property
    def node(self) -> str:
        """The gateway of the current connection."""
        return str(self.seen("ready")[-1]["node"])

    @property
    def transport(self) -> str:
        return str(self.seen("transport")[-1]["name"])

    async def close(self) -> None:
        await self._tasks.cancel()
        await asyncio.wait_for(self.wire.close(), WITHIN_SECONDS)

    # --- received events ---

    def _hear(self, event: str, payload: Json) -> None:
        self.events.append((event, payload))
        if event == "message" and payload["room"] == self._room:
            self.heard[-1].append(payload["seq"])
            self.log.setdefault(payload["seq"], payload)
        elif event == "ready" and self._room is not None:
            self.heard.append([])
            self._tasks.start(self._join(), f"join of {self.user}")
        self._news.set()

    def seen(self, event: str, **fields: Any) -> list[Json]:
        """Return all received events of this name whose payload has these fields."""
        return [data for name, data in self.events if name == event and fields.items() <= data.items()]

    async def expect(self, event: str, **fields: Any) -> Json:
        """Return the first event of this name with these fields; wait if none has arrived."""
        await self.until(lambda: bool(self.seen(event, **fields)), f"{event} {fields}")
        return self.seen(event, **fields)[0]

    async def expect_presence(self, user: str, status: str) -> Json:
        """Wait until the latest presence of `user` has this status; return it."""
        await self.until(lambda: self.presence_of(user).get("status") == status, f"{user} {status}")
        return self.presence_of(user)

    def presence_of(self, user: str) -> Json:
        """Return the latest presence received of a user; empty before the first."""
        told = [change for event in self.seen("presence") for change in event["changes"] if change["user"] == user]
        return told[-1] if told else {}

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = WITHIN_SECONDS) -> None:
        """Wait until `condition` is true; it is checked after every event."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{self.user}: not within {seconds:g} s: {what}; {self.events[-5:]}") from None

    # --- the room ---

    async def call(self, event: str, **payload: Any) -> Json:
        """Emit an event; return its ack, which must be positive. Raise NoAnswer after CALL_SECONDS."""
        answer = await self.wire.call(event, payload, CALL_SECONDS)
        assert answer["ok"] is True, (event, payload, answer)
        return answer

    async def join(self, room: str) -> Json:
        """Join a room, now and after every reconnect; return the first ack."""
        self._room = room
        return await self._join()

    async def _join(self) -> Json:
        """Join and read page after page, until no message is missing."""
        async with self._joining:
            while True:
                since = {"since": {"seq": max(self.log), "epoch": self.epoch}} if self.log else {}
                answer = await self._patiently("room:join", {"room": self._room, "limit": PAGE, **since})
                self.answers.append(answer)
                self.epoch = answer["epoch"]
                for message in answer["messages"]:
                    self.log.setdefault(message["seq"], message)
                self._news.set()
                if not since or not answer["more"]:
                    return answer

    async def send(self, text: str, **more: Any) -> Json:
        return await self.call("message:send", room=self._room, id=uuid4().hex, text=text, **more)

    async def _patiently(self, event: str, payload: Json) -> Json:
        """Call again until the ack is positive; every refusal must be retryable."""
        while True:
            try:
                answer = await self.wire.call(event, payload, CALL_SECONDS)
            except NoAnswer:
                await self.until(lambda: self.is_connected, "a connection", 30)
                continue
            if answer["ok"]:
                return answer
            assert answer["error"]["retryable"], answer
            await asyncio.sleep(answer["error"].get("retry_after", 0.1))

    @property
    def is_connected(self) -> bool:
        """True when the latest event about the connection is `ready`."""
        words = [name for name, _ in self.events if name in ("ready", "disconnect")]
        return words[-1:] == ["ready"]


class Writer:
    """A writer of numbered messages. Each of its lanes sends one message, repeats it until it is acked, then the next.

    The writer stays below the 50 events per second that one client may send.
    """

    def __init__(self, person: Person, lanes: int = 2, pause_seconds: float = 0.06) -> None:
        self.person = person
        self.acked: dict[str, int] = {}
        self.tried: set[str] = set()
        self._pause_seconds = pause_seconds
        self._stopped = asyncio.Event()
        self._tasks = TaskSet()
        for lane in range(lanes):
            self._tasks.start(self._write(lane), f"lane {lane} of {person.user}")

    async def _write(self, lane: int) -> None:
        number = 0
        while not self._stopped.is_set():
            number += 1
            message_id = f"{self.person.user}-{lane}-{number}"
            self.tried.add(message_id)
            payload = {"room": self.person._room, "id": message_id, "text": message_id}
            self.acked[message_id] = (await self.person._patiently("message:send", payload))["seq"]
            await asyncio.sleep(self._pause_seconds)

    async def acks(self, more: int, seconds: float = 20.0) -> None:
        """Wait until this many more messages are acked."""
        goal = len(self.acked) + more
        async with asyncio.timeout(seconds):
            while len(self.acked) < goal:
                await asyncio.sleep(0.02)

    async def stop(self, seconds: float = 30.0) -> None:
        """Stop sending new messages; return when all sent messages are acked."""
        self._stopped.set()
        await self._tasks.wait(seconds)
        assert self.tried == set(self.acked)


async def judge(people: Sequence[Person], writers: Iterable[Writer]) -> None:
    """Wait until each person has all messages; check that all have each acked message once, at its seq, in one order.

    For each person, "all" begins with the oldest message in the ack of that person's first join.
    """
    acked = {message_id: seq for writer in writers for message_id, seq in writer.acked.items()}
    last = max(acked.values())
    for person in people:
        await person.until(partial(_is_whole, person.log, last), "all messages")
        due = {message_id: seq for message_id, seq in acked.items() if seq >= min(person.log)}
        found = [(message["id"], seq) for seq, message in person.log.items() if message["id"] in acked]
        assert len(found) == len(due)
        assert dict(found) == due
        assert all(answer["recovered"] for answer in person.answers[1:])
        assert all(seqs == sorted(set(seqs)) for seqs in person.heard), person.heard
    shared = sorted(set.intersection(*(set(person.log) for person in people)))
    for person in people:
        assert [person.log[seq] for seq in shared] == [people[0].log[seq] for seq in shared]


def _is_whole(log: dict[int, Json], last: int) -> bool:
    return set(range(min(log), last + 1)) <= log.keys()


class Party:
    """A factory of people whose connections end with the test."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._all: list[Person] = []

    async def person(self, name: str, kind: str = "python", transports: Sequence[str] = ()) -> Person:
        person = Person(KINDS[kind](), f"{name}-{uuid4().hex[:6]}")
        self._all.append(person)
        await person.connect(self._cluster, transports)
        return person

    async def apart(self, transports: Sequence[str] = (), kinds: Sequence[str] = ("node", "python")) -> list[Person]:
        """Return Ada and Bob, connected to different gateways."""
        ada = await self.person("ada", kinds[0], transports)
        return [ada, await self.placed("bob", kinds[1], transports, lambda node: node != ada.node)]

    async def placed(self, name: str, kind: str, transports: Sequence[str], fits: Callable[[str], bool]) -> Person:
        """Return a person connected to a gateway whose number satisfies `fits`."""
        async with asyncio.timeout(APART_SECONDS):
            while not fits((person := await self.person(name, kind, transports)).node):
                await person.close()
                self._all.remove(person)
                await asyncio.sleep(PAUSE_SECONDS)  # nginx retries a failed gateway once a second
        return person

    async def close(self) -> None:
        await asyncio.gather(*(person.close() for person in self._all))
