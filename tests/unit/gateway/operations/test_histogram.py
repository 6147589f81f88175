"""Counts, durations and token buckets."""

from __future__ import annotations

import pytest

from roomcast.engineio.limits.token_bucket import TokenBucket
from roomcast.gateway.operations.histogram import Histogram, OutcomeCounter


def test_durations_are_counted_between_their_bounds() -> None:
    durations = Histogram((0.1, 0.5))
    for seconds in (0.0, 0.1, 0.2, 0.5, 0.6, 7.0):
        durations.observe(seconds)
    assert (durations.bounds, durations.heights) == ((0.1, 0.5), [2, 2, 2])
    assert durations.total == pytest.approx(8.4)


def test_the_outcomes_of_one_event_share_one_histogram() -> None:
    durations = Histogram((1.0,))
    ok, refused = OutcomeCounter(durations), OutcomeCounter(durations)
    ok.add(0.5)
    ok.add(2.0)
    refused.add(0.5)
    assert (ok.count, refused.count, durations.heights) == (2, 1, [2, 1])


def test_a_bucket_allows_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=10, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_seconds() == pytest.approx(0.1)
    assert not bucket.take(0.05)
    assert bucket.take(0.11)


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0.0)
    assert [bucket.take(100.0) for _ in range(3)] == [True, True, False]


def test_a_bucket_keeps_its_rate_over_a_hundred_seconds() -> None:
    bucket = TokenBucket(rate=50, burst=200, now=0.0)
    allowed = sum(bucket.take(n / 1_000) for n in range(100_000))  # 1,000 tries a second for 100 s
    assert allowed == pytest.approx(200 + 50 * 100, abs=2)
