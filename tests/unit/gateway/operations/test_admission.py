"""A gateway admits as many new sessions as its event loop can serve. It serves the waiting addresses in rotation."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from roomcast.gateway.operations.admission import (
    BURST_SECONDS,
    MAX_RATE,
    MIN_RATE,
    START_RATE,
    TICK_SECONDS,
    AdmissionQueue,
    FairQueue,
    Ticket,
)
from tests.clock import Clock


class Storm:
    """Clients that ask for admission. Each is admitted, or refused with a Retry-After in seconds."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock(100.0)
        self.queue = AdmissionQueue(self.clock, **options)
        self.admitted: list[str] = []
        self.refused: list[tuple[str, int]] = []
        self.gone: set[str] = set()

    def ask(self, address: str, count: int = 1, *, is_returning: bool = False) -> list[Ticket]:
        def answer(retry_after: int) -> bool:
            if address in self.gone:
                return False
            if retry_after:
                self.refused.append((address, retry_after))
                return False
            self.admitted.append(address)
            return True

        return [self.queue.add(address, answer, is_returning=is_returning) for _ in range(count)]

    def run(self, seconds: float, lag: float = 0.0) -> None:
        for _ in range(round(seconds / TICK_SECONDS)):
            self.clock.now += TICK_SECONDS
            self.queue.tick(lag)


def test_a_burst_of_sessions_is_admitted_at_once_and_later_sessions_wait() -> None:
    storm = Storm()
    storm.ask("a", 50)
    assert len(storm.admitted) == int(START_RATE * BURST_SECONDS)
    assert storm.queue.is_waiting
    storm.run(0.5)
    assert (len(storm.admitted), storm.queue.is_waiting) == (50, False)


def test_the_rate_grows_while_the_loop_is_on_time_and_falls_when_the_loop_is_late() -> None:
    storm = Storm(max_waiting=100_000, patience_seconds=100)
    storm.ask("a", 100_000)
    storm.run(3.0)
    assert storm.queue.rate == MAX_RATE
    storm.run(0.05, lag=0.03)
    assert storm.queue.rate == pytest.approx(MAX_RATE * 0.8**5)
    storm.run(3.0, lag=0.03)
    assert storm.queue.rate == MIN_RATE
    before = len(storm.admitted)
    storm.run(1.0, lag=0.015)
    assert storm.queue.rate == MIN_RATE
    assert len(storm.admitted) - before == pytest.approx(MIN_RATE, abs=1)


def test_the_addresses_of_waiting_clients_are_served_in_rotation() -> None:
    storm = Storm()
    storm.ask("flood", 1_000)
    storm.ask("b", 3)
    storm.ask("c", 3)
    start = len(storm.admitted)
    storm.run(0.1)
    assert storm.admitted[start : start + 9] == ["flood", "b", "c"] * 3


def test_a_full_queue_drops_the_newest_client_of_the_address_with_most_clients() -> None:
    storm = Storm(max_waiting=100)
    storm.ask("flood", 500)
    storm.ask("other flood", 500)
    storm.ask("b", 5)
    assert storm.queue.refused == 500 + 500 + 5 - 20 - 100
    assert {address for address, _ in storm.refused} == {"flood", "other flood"}
    assert len(storm.queue) == 100
    storm.run(1.0)
    assert Counter(storm.admitted)["b"] == 5
    assert abs(Counter(storm.admitted)["flood"] - 20 - Counter(storm.admitted)["other flood"]) <= 5


def test_retry_after_is_the_time_until_the_queue_will_be_empty() -> None:
    storm = Storm(max_waiting=1_000)
    storm.ask("a", 1_100)
    assert {retry_after for _, retry_after in storm.refused} == {5}


def test_three_of_four_places_go_to_returning_clients() -> None:
    storm = Storm()
    storm.ask("stranger", 100)
    start = len(storm.admitted)
    storm.ask("friend", 100, is_returning=True)
    storm.run(0.1)
    assert Counter(storm.admitted[start : start + 20]) == {"friend": 15, "stranger": 5}


def test_a_client_that_disconnects_leaves_the_queue() -> None:
    storm = Storm()
    storm.ask("a", int(START_RATE * BURST_SECONDS))
    tickets = storm.ask("gone", 1_000)
    for ticket in tickets:
        storm.queue.withdraw(ticket)
        storm.queue.withdraw(ticket)
    storm.ask("b")
    storm.run(0.02)
    assert (storm.admitted[-1], "gone" in storm.admitted, len(storm.queue)) == ("b", False, 0)


def test_the_place_of_a_client_that_is_gone_goes_to_the_next_client() -> None:
    storm = Storm()
    storm.ask("a", int(START_RATE * BURST_SECONDS))
    storm.ask("gone", 1_000)
    storm.gone.add("gone")
    storm.ask("b")
    storm.run(0.1)
    assert storm.admitted[-1] == "b"
    assert not storm.queue.is_waiting


def test_clients_that_wait_longer_than_patience_seconds_are_refused() -> None:
    storm = Storm(rate=MIN_RATE, patience_seconds=1.0)
    storm.ask("a", 200)
    storm.run(1.5, lag=0.03)
    assert len(storm.admitted) == pytest.approx(MIN_RATE * (1.0 + BURST_SECONDS), abs=2)
    assert len(storm.admitted) + len(storm.refused) == 200
    assert not storm.queue.is_waiting


def test_a_fair_queue_counts_tickets_and_serves_addresses_in_rotation() -> None:
    queue = FairQueue()
    tickets = [Ticket(address, 0.0, lambda _: True, is_returning=False) for address in "aaabbc"]
    for ticket in tickets:
        queue.push(ticket)
    assert (len(queue), queue.longest()) == (6, 3)
    assert queue.drop_longest() is tickets[2]
    queue.remove(tickets[3])
    assert [queue.pop().subscriber for _ in range(4)] == ["a", "b", "c", "a"]
    assert (len(queue), queue.longest()) == (0, 0)
