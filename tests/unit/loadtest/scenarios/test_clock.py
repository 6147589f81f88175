"""The clock measures the offset of a worker's time from the time of the locust master."""

from __future__ import annotations

import time

import pytest

from loadtest.scenarios.clock import Clock, sample


def test_half_of_the_round_trip_is_subtracted() -> None:
    assert sample(asked=100.0, master=107.25, answered=100.5) == pytest.approx((7.0, 0.5))


def test_the_exchange_with_the_shortest_round_trip_counts() -> None:
    clock = Clock()
    clock.add(sample(0.0, 5.9, 2.0))
    clock.add(sample(10.0, 15.01, 10.02))
    clock.add(sample(20.0, 24.0, 21.0))
    assert clock.offset == pytest.approx(5.0)
    assert clock.to_master_time(1.0) == pytest.approx(6.0)
    assert clock.now() - time.time() == pytest.approx(5.0, abs=0.1)


def test_an_offset_within_the_round_trip_counts_as_zero() -> None:
    clock = Clock()
    clock.add(sample(10.0, 10.004, 10.005))
    assert clock.offset == 0.0
