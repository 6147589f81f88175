"""Replays, with fakes for the log, the clock and the client's write buffer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from roomcast.contract.errors import Code, RoomcastError
from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.chat.replay import Replays, Start
from roomcast.gateway.sign_in.event_limit import EventLimit
from roomcast.gateway.sign_in.identity import Identity
from roomcast.gateway.sign_in.session import ChatSession
from roomcast.gateway.stores.room_log import History
from tests.waiting import until

ROOM = "public:lobby"


def session() -> ChatSession:
    identity = Identity("ada", "Ada", 2e9, 0, "", (), ops=False)
    return ChatSession("s1", "e1", identity, EventLimit(TokenBucket(50, 200, 0.0), TokenBucket(50, 200, 0.0)))


class Log:
    """A log of numbered entries."""

    def __init__(self, size: int, epoch: str = "e1", first: int = 1) -> None:
        self.size = size
        self.epoch = epoch
        self.first = first
        self.on_read: Callable[[], None] = lambda: None

    async def read_after(self, room: str, seq: int, limit: int) -> History:
        assert room == ROOM
        self.on_read()
        await asyncio.sleep(0)
        return self.page(seq, limit)

    def page(self, seq: int, limit: int) -> History:
        entries = [b"%d" % n for n in range(max(seq + 1, self.first), min(self.size, seq + limit) + 1)]
        return History(self.size, self.epoch, self.first, 0, entries)

    def message_packet(self, entry: bytes) -> bytes:
        return b"m" + entry

    def resync_packet(self, room: str) -> bytes:
        return b"resync " + room.encode()


class Route:
    """Collects packets. `live` is the seq of the last live message, `waiting` the number of unread bytes."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.admitted: tuple[str, int] | None = None
        self.released = 0
        self.live = 0
        self.waiting: int | None = 0
        self.most_waiting = 0
        self.is_reading = True

    def release(self, room: str) -> None:
        self.released += 1

    def admit(self, sid: str, room: str, epoch: str, seq: int) -> bool:
        if self.live > seq:
            return False
        self.admitted = epoch, seq
        return True

    def send_packet(self, sid: str, packet: bytes) -> None:
        assert self.admitted is None
        self.sent.append(packet)
        if not self.is_reading and self.waiting is not None:
            self.waiting += len(packet)
            self.most_waiting = max(self.most_waiting, self.waiting)

    def waiting_bytes(self, sid: str) -> int | None:
        return self.waiting


class Rig:
    """One replay over fakes."""

    def __init__(self, log: Log, *, buffer_bytes: int = 10_000, stall_seconds: float = 10.0) -> None:
        self.log = log
        self.route = Route()
        self.now = 0.0
        self.clock_reads = 0
        self.session = session()
        self.late: list[bool] = []
        self.replays = Replays(
            log, self.route, buffer_bytes=buffer_bytes, stall_seconds=stall_seconds, clock=self._clock
        )

    def _clock(self) -> float:
        self.clock_reads += 1
        return self.now

    def begin(self, after: int, limit: int = 100) -> None:
        self.replays.begin_replay(self.session, ROOM, Start(self.log.page(after, limit), after), self._on_late)

    async def _on_late(self) -> None:
        self.late.append(True)

    async def ended(self) -> list[bytes]:
        await until(lambda: not len(self.replays), "the end of the replay")
        assert self.route.released == 1
        return self.route.sent


def messages(first: int, last: int) -> list[bytes]:
    return [b"m%d" % n for n in range(first, last + 1)]


async def test_no_message_is_sent_before_the_caller_has_returned_its_ack() -> None:
    rig = Rig(Log(3))
    rig.begin(0)
    assert rig.route.sent == []

    assert await rig.ended() == messages(1, 3)
    assert rig.route.admitted == ("e1", 3)
    assert rig.late == []


async def test_the_messages_of_many_pages_are_sent_completely_and_in_order() -> None:
    rig = Rig(Log(1_050))
    rig.begin(40)

    assert await rig.ended() == messages(41, 1_050)
    assert rig.route.admitted == ("e1", 1_050)
    assert rig.late == [True]


async def test_messages_written_during_a_replay_are_replayed_before_the_session_becomes_a_member() -> None:
    rig = Rig(Log(5))
    rig.route.live = 7  # two live messages arrived after the first page was read
    rig.log.on_read = lambda: setattr(rig.log, "size", 7)
    rig.begin(0)

    assert await rig.ended() == messages(1, 7)
    assert rig.route.admitted == ("e1", 7)


async def test_a_replay_ends_with_resync_if_the_log_stays_behind_the_live_messages() -> None:
    rig = Rig(Log(5))
    rig.route.live = 6
    rig.begin(5)

    assert await rig.ended() == [b"resync public:lobby"]
    assert rig.route.admitted is None


@pytest.mark.parametrize(
    "change",
    [{"epoch": "e2"}, {"first": 150}, {"size": 50}],
    ids=["another epoch", "trimmed", "rolled back"],
)
async def test_a_replay_ends_with_resync_if_the_log_loses_entries_or_its_epoch(change: dict[str, object]) -> None:
    rig = Rig(Log(300))
    rig.log.on_read = lambda: vars(rig.log).update(change)
    rig.begin(0)

    assert await rig.ended() == [*messages(1, 100), b"resync public:lobby"]
    assert rig.route.admitted is None


async def test_a_replay_ends_with_resync_after_an_error_of_redis() -> None:
    rig = Rig(Log(300))

    def fail() -> None:
        raise RoomcastError(Code.UNAVAILABLE)

    rig.log.on_read = fail
    rig.begin(0)

    assert await rig.ended() == [*messages(1, 100), b"resync public:lobby"]
    assert rig.route.admitted is None


async def test_a_replay_waits_for_a_slow_client_and_queues_at_most_buffer_bytes() -> None:
    rig = Rig(Log(400), buffer_bytes=100)
    rig.route.is_reading = False
    rig.begin(0)

    async def read() -> None:
        while len(rig.replays):
            await asyncio.sleep(0)
            rig.route.waiting = 0

    await read()
    assert await rig.ended() == messages(1, 400)
    assert 90 < rig.route.most_waiting <= 100


async def test_a_packet_above_buffer_bytes_is_sent_into_an_empty_buffer() -> None:
    rig = Rig(Log(2), buffer_bytes=1)
    rig.begin(0)

    assert await rig.ended() == messages(1, 2)


async def test_a_client_that_reads_nothing_gets_resync_after_stall_seconds() -> None:
    rig = Rig(Log(400), buffer_bytes=100, stall_seconds=10.0)
    rig.route.is_reading = False
    rig.begin(0)
    await until(lambda: rig.route.waiting and rig.route.waiting > 90, "a full buffer")

    rig.now = 9.0
    before = rig.clock_reads
    await until(lambda: rig.clock_reads > before + 2, "the replay has compared the time")
    assert len(rig.replays) == 1
    rig.now = 10.1
    sent = await rig.ended()

    assert sent[-1] == b"resync public:lobby"
    assert sent[:-1] == messages(1, len(sent) - 1)


async def test_a_cancelled_replay_sends_no_further_message() -> None:
    rig = Rig(Log(300))
    rig.log.on_read = lambda: rig.replays.cancel_replay("s1", ROOM)
    rig.begin(0)

    assert await rig.ended() == messages(1, 100)
    assert rig.route.admitted is None


async def test_a_replay_ends_without_resync_when_its_session_closes() -> None:
    rig = Rig(Log(300))
    rig.log.on_read = lambda: setattr(rig.session, "is_closed", True)
    rig.begin(0)

    await rig.ended()
    assert rig.route.admitted is None
    assert b"resync public:lobby" not in rig.route.sent
