"""A reconnect storm is admitted at a rate; a short queue waits, and the surplus comes back when it has a chance."""

from itertools import pairwise

import pytest

from roomcast.gateway.operations.admission import Admission, Turn


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_comes_in_at_once_the_next_wait_and_the_surplus_is_sent_away() -> None:
    door = Admission(per_second=10, burst=3, patience=0.25, clock=Clock())
    turns = [door.ask() for _ in range(7)]
    assert [turn.wait for turn in turns] == pytest.approx([0, 0, 0, 0.1, 0.2, 0, 0])
    assert [turn.retry_after for turn in turns] == [0, 0, 0, 0, 0, 1, 1]


def test_turns_are_a_rate_apart_in_the_order_of_asking() -> None:
    clock = Clock()
    door = Admission(per_second=100, burst=1, patience=5, clock=clock)
    due = []
    for _ in range(200):
        clock.now += 0.001
        due.append(clock.now + door.ask().wait)
    assert due == sorted(due)
    assert all(later - earlier == pytest.approx(0.01) for earlier, later in pairwise(due))


def test_the_rate_is_kept_in_the_long_run() -> None:
    clock = Clock()
    door = Admission(per_second=10, burst=5, patience=0, clock=clock)
    admitted = 0
    for _ in range(1000):
        clock.now += 0.01
        admitted += door.ask().retry_after == 0
    assert 100 <= admitted <= 106


def test_a_longer_queue_waits_longer_up_to_a_bound() -> None:
    door = Admission(per_second=10, burst=1, patience=0, clock=Clock())
    waits = [door.ask().retry_after for _ in range(1001)]
    assert waits[0] == 0
    assert waits[1] == 1
    assert waits[100] == 10
    assert waits[1000] == 30


def test_the_queue_is_forgotten_when_the_storm_is_over() -> None:
    clock = Clock()
    door = Admission(per_second=10, burst=1, patience=0, clock=clock)
    for _ in range(200):
        door.ask()
    clock.now += 60
    assert door.ask() == Turn(0.0)
    assert door.ask().retry_after == 1
