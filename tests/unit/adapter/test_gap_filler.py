"""The gap filler fills gaps from the log, in order. Forged packets cannot make it read the log without a pause."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest

from roomcast.adapter import gap_filler
from roomcast.adapter.fanout import Fanout
from roomcast.adapter.local_members import Client, LocalMembers
from roomcast.adapter.room_subscription import RoomSubscription
from tests.unit.adapter.fakes import AWAY, EPOCH, Count, FakeBackplane, FakeDelivery, FakeLog, channel, logged
from tests.waiting import until

OTHER = b"f" * 16


class Rig:
    """A fan-out over fakes. `join` makes `sid` a member of a room at seq 1."""

    def __init__(self) -> None:
        self.log = FakeLog()
        self.delivery = FakeDelivery()
        self.count = Count()
        self.members = LocalMembers()
        self.backplane = FakeBackplane()
        self.fanout = Fanout(
            self.backplane, self.members, self.count, linger_seconds=0.0, close_room=lambda namespace, room: None
        )
        self.fanout.use_log(self.log)
        self.fanout.use_delivery(self.delivery)

    def join(self, room: str = "room") -> RoomSubscription:
        """Append one message, and make `sid` a member that has received the log up to seq 1."""
        if self.members.client("/", "sid") is None:
            self.members.add("/", Client("sid", "eio", "eio"))
        subscription = self.fanout.acquire(room)
        self.log.append(room)
        assert self.fanout.admit("/", "sid", room, EPOCH, 1)
        return subscription

    def leave(self, room: str = "room") -> None:
        self.fanout.release(room)
        self.members.leave("/", "sid", room)
        self.fanout.member_left(room)

    def publish(self, seq: int, room: str = "room", epoch: bytes = EPOCH) -> None:
        """Receive a packet, as if Redis had pushed it."""
        self.fanout.receive(channel(room), logged(seq, epoch))

    @property
    def seqs(self) -> list[int]:
        return [int(packet[12:-1]) for packet in self.delivery.packets if packet.startswith(b'2["message"')]


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.fanout.close()


async def check_few_reads(rig: Rig, seconds: float = 0.3) -> None:
    """Check that in `seconds` the gap filler uses little CPU time and reads the log at most 20 times."""
    reads, started = rig.log.reads, time.process_time()
    await asyncio.sleep(seconds)
    assert time.process_time() - started < seconds / 3
    assert rig.log.reads - reads <= 20


async def test_a_gap_is_filled_before_later_packets(rig: Rig) -> None:
    rig.join()
    rig.log.append("room", 4)
    rig.publish(4)
    rig.publish(5)
    assert rig.seqs == []
    await until(lambda: len(rig.seqs) == 4, "the gap is filled")
    assert rig.seqs == [2, 3, 4, 5]
    assert rig.count.gaps == [2]


async def test_a_long_gap_is_read_in_pages(rig: Rig) -> None:
    rig.log._page_size = 10
    rig.join()
    rig.publish(rig.log.append("room", 95))
    await until(lambda: len(rig.seqs) == 95, "the gap is filled")
    assert rig.seqs == list(range(2, 97))


async def test_filling_ends_when_the_last_member_leaves_while_redis_is_away(rig: Rig) -> None:
    room = rig.join()
    rig.log.error = AWAY
    rig.publish(5)
    await until(lambda: rig.log.reads > 0, "the filling has begun")
    rig.leave()
    await until(lambda: rig.fanout.rooms == 0, "the room is unsubscribed")
    assert room.backlog is None
    reads = rig.log.reads
    await check_few_reads(rig)
    assert rig.log.reads == reads


async def test_a_packet_far_ahead_of_its_log_is_dropped(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.join()
    with caplog.at_level(logging.WARNING):
        for _ in range(50):
            rig.publish(2**63)
            await asyncio.sleep(0)
        await until(lambda: rig.fanout.acquire("room").backlog is None, "no packet waits")
    await check_few_reads(rig)
    rig.publish(rig.log.append("room"))
    await until(lambda: rig.seqs == [2], "the next message is delivered")
    assert rig.count.resyncs == 0
    assert len([record for record in caplog.records if "does not contain" in record.getMessage()]) == 1


async def test_a_stream_of_forged_packets_causes_few_reads_and_no_lost_message(rig: Rig) -> None:
    rig.join()
    for number in range(200):
        rig.publish(2**40 + number)
        rig.publish(rig.log.append("room"))
        await asyncio.sleep(0.002)
    assert rig.log.reads < 60
    await until(lambda: len(rig.seqs) == 200, "all real messages are delivered")
    assert rig.seqs == list(range(2, 202))


async def test_reads_become_rare_while_redis_does_not_answer(rig: Rig) -> None:
    rig.join()
    rig.log.append("room", 4)
    rig.log.error = AWAY
    rig.publish(5)
    await check_few_reads(rig)
    rig.log.error = None
    await until(lambda: rig.seqs == [2, 3, 4, 5], "the gap is filled")


async def test_an_unexpected_error_is_logged_once_and_the_gap_is_filled(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.join()
    rig.log.append("room", 1)
    rig.log.error = KeyError("a bug")
    rig.publish(3)
    await check_few_reads(rig)
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1
    rig.log.error = None
    rig.log.append("room", 1)
    await until(lambda: rig.seqs == [2, 3], "the gap is filled")


async def test_a_gap_whose_messages_are_not_in_the_log_is_a_declared_loss(rig: Rig) -> None:
    rig.join()
    rig.log.append("room", 4)
    rig.log._page_size = 0
    rig.publish(5)
    await until(lambda: rig.count.resyncs == 1, "the loss is declared")
    await check_few_reads(rig)
    rig.log._page_size = 500
    rig.publish(rig.log.append("room"))
    assert rig.seqs == [6]


async def test_messages_that_the_log_has_dropped_are_declared_lost(rig: Rig) -> None:
    rig.join()
    rig.log.append("room", 9)
    rig.log.first = 8
    rig.publish(10)
    await until(lambda: rig.count.resyncs == 1, "the loss is declared")
    rig.publish(rig.log.append("room"))
    assert rig.seqs == [11]


async def test_a_new_epoch_is_a_declared_loss_and_its_packets_are_delivered(rig: Rig) -> None:
    rig.join()
    rig.log.epoch = OTHER
    rig.log.append("room", 2)
    rig.publish(2, epoch=OTHER)
    rig.publish(3, epoch=OTHER)
    await until(lambda: len(rig.delivery.packets) == 3, "packets of the new epoch are delivered")
    assert rig.delivery.packets == [b'2["resync"]', b'2["message",2]', b'2["message",3]']
    assert rig.count.resyncs == 1
    rig.publish(rig.log.append("room"), epoch=OTHER)
    assert rig.seqs == [2, 3, 4]


async def test_a_packet_with_a_forged_epoch_is_not_delivered(rig: Rig) -> None:
    rig.join()
    for number in range(50):
        rig.publish(number, epoch=OTHER)
        rig.publish(rig.log.append("room"))
        await asyncio.sleep(0.002)
    await until(lambda: len(rig.seqs) == 50, "all real messages are delivered")
    assert rig.seqs == list(range(2, 52))
    assert rig.count.resyncs == 0
    assert rig.log.reads < 40


async def test_packets_of_an_earlier_epoch_are_dropped(rig: Rig) -> None:
    rig.join()
    rig.log.error = AWAY
    rig.log.append("room", 4)
    rig.publish(4)
    rig.log.epoch = OTHER
    rig.publish(5, epoch=OTHER)
    rig.log.error = None
    await until(lambda: rig.seqs == [5], "packets of the new epoch are delivered")
    assert rig.count.resyncs == 1


async def test_packets_above_max_backlog_are_read_from_the_log(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap_filler, "MAX_BACKLOG", 3)
    rig.join()
    rig.log.error = AWAY
    for _ in range(10):
        rig.log.append("room")
    for seq in range(3, 12):
        rig.publish(seq)
    rig.log.error = None
    await until(lambda: len(rig.seqs) == 10, "all messages are delivered")
    assert rig.seqs == list(range(2, 12))


async def test_the_backlogs_of_all_rooms_share_one_bound_in_bytes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gap_filler, "MAX_BACKLOG_BYTES", 100)
    rooms = [rig.join(name) for name in ("a", "b")]
    rig.log.error = AWAY
    for room in rooms:
        for _ in range(10):
            rig.log.append(room.room)
        for seq in range(3, 12):
            rig.publish(seq, room.room)
    assert sum(len(room.backlog or ()) for room in rooms) <= 7
    rig.log.error = None
    await until(lambda: len(rig.seqs) == 20, "all messages are delivered")


async def test_comparing_with_the_log_finds_lost_last_messages(rig: Rig) -> None:
    rig.join()
    rig.log.append("room", 2)
    rig.fanout.compare_with_logs(lambda name: True)
    await until(lambda: rig.seqs == [2, 3], "the last messages are delivered")


async def test_comparing_finds_messages_that_were_lost_while_a_gap_was_filled(rig: Rig) -> None:
    rig.join()
    rig.log.append("room", 2)
    rig.log.error = AWAY
    rig.publish(3)
    await until(lambda: rig.log.reads > 0, "the filling has begun")
    rig.fanout.compare_with_logs(lambda name: True)
    rig.log.append("room", 1)
    rig.log.error = None
    await until(lambda: rig.seqs == [2, 3, 4], "all messages are delivered")


async def test_many_lost_connections_share_one_comparison(rig: Rig) -> None:
    rig.join()
    rig.log.error = AWAY
    for _ in range(100):
        rig.fanout.compare_with_logs(lambda name: True)
    await check_few_reads(rig)
    rig.leave()
    await until(lambda: rig.fanout.rooms == 0, "the room is unsubscribed")
    await until(lambda: rig.fanout._filler._comparing.done(), "the comparison has ended")  # type: ignore[union-attr]


async def test_comparing_with_a_log_of_another_epoch_declares_a_loss(rig: Rig) -> None:
    rig.join()
    rig.log.epoch = OTHER
    rig.fanout.compare_with_logs(lambda name: True)
    await until(lambda: rig.count.resyncs == 1, "the loss is declared")


async def test_a_deleted_log_is_declared_lost_once_and_new_messages_are_delivered(rig: Rig) -> None:
    rig.join()
    del rig.log.rooms["room"]
    rig.fanout.compare_with_logs(lambda name: True)
    await until(lambda: rig.count.resyncs == 1, "the loss is declared")
    rig.fanout.compare_with_logs(lambda name: True)
    await check_few_reads(rig)
    assert rig.delivery.packets == [b'2["resync"]']
    rig.publish(1, epoch=OTHER)
    rig.publish(2, epoch=OTHER)
    assert rig.seqs == [1, 2]
    assert rig.count.resyncs == 1
