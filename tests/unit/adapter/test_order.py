"""The order tracker of one room, and its verdict on each received packet."""

import pytest

from roomcast.adapter.order import OrderTracker, Verdict

A, B = b"a" * 16, b"b" * 16


def watch_at(epoch: bytes, seq: int) -> OrderTracker:
    watch = OrderTracker()
    watch.set(epoch, seq)
    return watch


def test_the_first_packet_sets_the_position() -> None:
    watch = OrderTracker()
    assert watch.offer(A, 41) is Verdict.DELIVER
    assert (watch.epoch, watch.seq) == (A, 41)


def test_consecutive_packets_are_delivered() -> None:
    watch = watch_at(A, 1)
    assert [watch.offer(A, seq) for seq in (2, 3, 4)] == [Verdict.DELIVER] * 3


@pytest.mark.parametrize("seq", [1, 4, 5])
def test_a_delivered_seq_is_a_duplicate(seq: int) -> None:
    watch = watch_at(A, 5)
    assert watch.offer(A, seq) is Verdict.DUPLICATE
    assert watch.seq == 5


def test_a_skipped_seq_is_a_gap_and_does_not_move_the_position() -> None:
    watch = watch_at(A, 5)
    assert watch.offer(A, 7) is Verdict.GAP
    assert watch.seq == 5


def test_a_packet_of_another_epoch_is_never_a_duplicate() -> None:
    watch = watch_at(A, 853)
    assert watch.offer(B, 798) is Verdict.OTHER_EPOCH


@pytest.mark.parametrize(
    ("epoch", "seq", "verdict"),
    [
        (A, 5, Verdict.DUPLICATE),
        (A, 6, Verdict.GAP),
        (A, 4, Verdict.OTHER_EPOCH),
        (B, 9, Verdict.OTHER_EPOCH),
    ],
)
def test_compare_returns_the_verdict_on_the_position_of_the_log(epoch: bytes, seq: int, verdict: Verdict) -> None:
    assert watch_at(A, 5).compare(epoch, seq) is verdict


def test_a_packet_that_arrives_during_a_read_of_the_log_is_not_taken_for_a_rollback() -> None:
    watch = watch_at(A, 5)
    watch.offer(A, 6)
    assert watch.compare(A, 5, seq_when_asked=5) is Verdict.DUPLICATE
    assert watch.compare(A, 4, seq_when_asked=5) is Verdict.OTHER_EPOCH


def test_a_room_without_a_position_is_not_compared() -> None:
    assert OrderTracker().compare(A, 9) is Verdict.DUPLICATE


def test_start_does_not_change_an_existing_position() -> None:
    watch = OrderTracker()
    watch.start(A, 3)
    watch.start(B, 9)
    assert (watch.epoch, watch.seq) == (A, 3)
