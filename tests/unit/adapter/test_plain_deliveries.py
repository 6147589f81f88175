"""The subscriber delivers the next plain message of a room without a gap. All other packets go to the fan-out."""

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
        self.passed_on: list[tuple[bytes, bytes]] = []
        self.out = flush_queue()
        self.members = [write_buffer(), write_buffer()]
        watch = OrderTracker()
        watch.epoch, watch.seq = EPOCH, 7
        self.subscription = Subscription(watch)
        self.subscription.targets = list(self.members)
        self.subscriber = Subscriber(lambda channel, data: self.passed_on.append((channel, data)))
        self.subscriber.routing = ROUTING
        self.subscriber.outgoing = self.out
        self.subscriber.rooms[b"room:{r}"] = self.subscription

    def is_delivered(self, data: bytes, channel: bytes = b"room:{r}") -> bool:
        """Return whether the subscriber delivered the packet. If not, check that it passed the packet on unchanged."""
        before = self.subscription.watch.seq, [list(member.outbox) for member in self.members]
        self.subscriber(channel, data)
        if not self.passed_on:
            return True
        assert self.passed_on.pop() == (channel, data)
        assert before == (self.subscription.watch.seq, [member.outbox for member in self.members])
        return False


@pytest.fixture
def room() -> Room:
    return Room()


def test_the_next_message_goes_to_all_members(room: Room) -> None:
    assert room.is_delivered(envelope(8))
    assert room.subscription.watch.seq == 8
    assert [member.outbox for member in room.members] == [[Frames(PACKET).websocket]] * 2
    assert room.is_delivered(envelope(9))
    assert (room.out.armed, len(room.out.dirty)) == (1, 2)


def test_a_message_for_a_member_without_credit_goes_to_send_slowly(room: Room) -> None:
    room.members[1].credit = 3
    assert room.is_delivered(envelope(8))
    assert room.out.slowly == [([room.members[1]], PACKET)]


def test_the_position_of_a_room_without_members_moves_on(room: Room) -> None:
    room.subscription.targets = []
    assert room.is_delivered(envelope(8))
    assert (room.subscription.watch.seq, room.out.dirty) == (8, [])


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
def test_packets_other_than_the_next_plain_message_are_passed_on(room: Room, data: bytes) -> None:
    assert not room.is_delivered(data)


def _has_a_backlog(room: Room) -> None:
    room.subscription.backlog = []


def _has_a_floor(room: Room) -> None:
    room.subscription.floors["s"] = (EPOCH, 9)


def _has_no_list_of_targets(room: Room) -> None:
    room.subscription.targets = None


def _has_no_position(room: Room) -> None:
    room.subscription.watch.epoch = b""


def _has_no_engine(room: Room) -> None:
    room.subscriber.outgoing = None


def _has_no_log(room: Room) -> None:
    room.subscriber.routing = b""


@pytest.mark.parametrize(
    "change", [_has_a_backlog, _has_a_floor, _has_no_list_of_targets, _has_no_position, _has_no_engine, _has_no_log]
)
def test_packets_of_a_room_that_is_not_ready_for_plain_deliveries_are_passed_on(
    room: Room, change: Callable[[Room], None]
) -> None:
    change(room)
    assert not room.is_delivered(envelope(8))


def test_packets_of_other_channels_are_passed_on(room: Room) -> None:
    assert not room.is_delivered(envelope(8), b"node:{1}")


@pytest.mark.parametrize("missing", range(1, len(PACKET)))
def test_a_truncated_packet_is_passed_on(room: Room, missing: int) -> None:
    assert not room.is_delivered(envelope(8)[:-missing])
    assert room.is_delivered(envelope(8))
