"""The messages of a room that a user of the load test has received."""

from __future__ import annotations

from typing import Any

from loadtest.scenarios.position import Position


def ack(seq: int, messages: list[int] = [], *, epoch: str = "e", recovered: bool = True, more: bool = False) -> Any:  # noqa: B006
    found = [{"seq": each} for each in messages]
    return {"epoch": epoch, "seq": seq, "messages": found, "recovered": recovered, "more": more}


def joined(seq: int = 10) -> Position:
    position = Position()
    position.begin()
    assert not position.joined(ack(seq))
    return position


def test_after_a_first_join_only_newer_messages_are_expected() -> None:
    position = joined(10)
    assert position.since == {"seq": 10, "epoch": "e"}
    assert [position.received("e", seq) for seq in (11, 12)] == [True, True]
    assert list(position.missing(12)) == []


def test_the_messages_of_a_gap_are_missing_until_they_arrive() -> None:
    position = joined(10)
    position.received("e", 12)
    assert list(position.missing(12)) == [11]
    assert position.has_gap
    position.received("e", 11)
    assert position.last == 12
    assert list(position.missing(13)) == [13]


def test_a_message_that_arrives_twice_is_a_duplicate() -> None:
    position = joined(10)
    assert position.received("e", 11)
    assert not position.received("e", 11)
    assert position.duplicates == 1


def test_live_messages_that_arrive_before_the_ack_of_a_join_are_not_lost() -> None:
    position = Position()
    position.begin()
    position.received("e", 10)
    position.received("e", 11)
    position.joined(ack(10))
    assert position.last == 11
    assert position.duplicates == 0


def test_a_recovery_reads_pages_until_no_message_is_missing() -> None:
    position = joined(10)
    position.begin()
    assert position.joined(ack(14, [11, 12], more=True))
    position.begin()
    position.received("e", 15)
    assert not position.joined(ack(15, [13, 14, 15]))
    assert (position.last, position.duplicates, position.declared) == (15, 0, 0)


def test_a_join_with_recovered_false_counts_as_a_declared_loss_and_sets_a_new_position() -> None:
    position = joined(10)
    position.begin()
    assert not position.joined(ack(3, [1, 2, 3], epoch="f", recovered=False, more=True))
    assert (position.declared, position.last, position.epoch) == (1, 3, "f")
    assert not position.received("e", 11)
    assert list(position.missing(3)) == []
