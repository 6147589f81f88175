"""Received packets: the next plain message of a room without a gap is delivered; all others go to the fan-out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from roomcast.adapter.order import OrderTracker
from roomcast.adapter.plain_deliveries import Subscriber, Subscription
from roomcast.engineio.frames import Frames
from roomcast.wire.envelope import KIND_EVENT, KIND_MESSAGE, VERSION, pack_event, pack_routing
from tests.unit.hotpath.fakes import flush_queue, write_buffer

EPOCH = b"0123456789abcdef"
OTHER = b"fedcba9876543210"
PACKET = b'2["message",{"room":"r"}]'
ROUTING = pack_routing("/")


def envelope(
    seq: int, *, epoch: bytes = EPOCH, kind: int = KIND_MESSAGE, routing: bytes = ROUTING, version: int = VERSION
) -> bytes:
    return bytes((version, kind)) + epoch + seq.to_bytes(8, "big") + routing + PACKET


class Room:
    """A subscriber of one room with two members."""

    def __init__(self) -> None:
        self.passed: list[tuple[bytes, bytes]] = []
        self.out = flush_queue()
        self.members = [write_buffer(), write_buffer()]
        watch = OrderTracker()
        watch.epoch, watch.seq = EPOCH, 7
        self.hearing = Subscription(watch)
        self.hearing.targets = list(self.members)
        self.ear = Subscriber(lambda channel, data: self.passed.append((channel, data)))
        self.ear.routing = ROUTING
        self.ear.outgoing = self.out
        self.ear.rooms[b"room:{r}"] = self.hearing

    def is_delivered(self, data: bytes, channel: bytes = b"room:{r}") -> bool:
        """Return whether the subscriber delivered the packet. If not, check that it passed the packet on unchanged."""
        before = self.hearing.watch.seq, [list(member.outbox) for member in self.members]
        self.ear(channel, data)
        if not self.passed:
            return True
        assert self.passed.pop() == (channel, data)
        assert before == (self.hearing.watch.seq, [member.outbox for member in self.members])
        return False


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_next_message_goes_to_all_members(room: Room) -> None:
    assert room.is_delivered(envelope(8))
    assert room.hearing.watch.seq == 8
    assert [member.outbox for member in room.members] == [[Frames(PACKET).websocket]] * 2
    assert room.is_delivered(envelope(9))
    assert (room.out.armed, len(room.out.dirty)) == (1, 2)


def test_a_message_for_a_slow_member_is_queued(room: Room) -> None:
    room.members[1].credit = 3
    assert room.is_delivered(envelope(8))
    assert room.out.slowly == [([room.members[1]], PACKET)]


def test_the_position_of_a_room_without_members_moves_on(room: Room) -> None:
    room.hearing.targets = []
    assert room.is_delivered(envelope(8))
    assert (room.hearing.watch.seq, room.out.dirty) == (8, [])


@pytest.mark.parametrize(
    "data",
    [
        envelope(7),
        envelope(9),
        envelope(8 + 2**63),
        envelope(8, epoch=OTHER),
        envelope(8, kind=KIND_EVENT),
        envelope(8, version=2),
        envelope(8, routing=pack_routing("/", ("someone",))),
        envelope(8, routing=pack_routing("/other")),
        pack_event("/", PACKET),
        envelope(8)[:28],
        envelope(8)[:10],
        b"",
    ],
)
def test_uncommon_packets_are_passed_on(room: Room, data: bytes) -> None:
    assert not room.is_delivered(data)


def _is_filled(room: Room) -> None:
    room.hearing.backlog = []


def _has_a_floor(room: Room) -> None:
    room.hearing.floors["s"] = (EPOCH, 9)


def _has_changed(room: Room) -> None:
    room.hearing.targets = None


def _is_new(room: Room) -> None:
    room.hearing.watch.epoch = b""


def _has_no_engine(room: Room) -> None:
    room.ear.outgoing = None


def _has_no_log(room: Room) -> None:
    room.ear.routing = b""


@pytest.mark.parametrize("change", [_is_filled, _has_a_floor, _has_changed, _is_new, _has_no_engine, _has_no_log])
def test_packets_of_a_room_in_another_state_are_passed_on(room: Room, change: Callable[[Room], None]) -> None:
    change(room)
    assert not room.is_delivered(envelope(8))


def test_other_channels_are_passed_on(room: Room) -> None:
    assert not room.is_delivered(envelope(8), b"node:{1}")


@pytest.mark.parametrize("cut", range(1, len(PACKET)))
def test_a_packet_that_was_cut_short_is_passed_on(room: Room, cut: int) -> None:
    assert not room.is_delivered(envelope(8)[:-cut])
    assert room.is_delivered(envelope(8))
