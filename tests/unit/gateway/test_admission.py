"""A reconnect storm is admitted at a rate; the surplus waits as long as the queue is."""

from gateway.admission import Admission


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_comes_in_and_the_surplus_waits() -> None:
    door = Admission(per_second=10, burst=5, clock=Clock())
    assert [door.ask() for _ in range(7)] == [0, 0, 0, 0, 0, 1, 1]


def test_the_rate_is_kept_in_the_long_run() -> None:
    clock = Clock()
    door = Admission(per_second=10, burst=5, clock=clock)
    admitted = 0
    for _ in range(1000):
        clock.now += 0.01
        admitted += door.ask() == 0
    assert 100 <= admitted <= 106


def test_a_longer_queue_waits_longer_up_to_a_bound() -> None:
    door = Admission(per_second=10, burst=1, clock=Clock())
    waits = [door.ask() for _ in range(1001)]
    assert waits[0] == 0
    assert waits[1] == 1
    assert waits[100] == 10
    assert waits[1000] == 30


def test_the_queue_is_forgotten_when_the_storm_is_over() -> None:
    clock = Clock()
    door = Admission(per_second=10, burst=1, clock=clock)
    for _ in range(200):
        door.ask()
    clock.now += 60
    assert door.ask() == 0
    assert door.ask() == 1
