"""Token buckets: a burst, and then a rate."""

from __future__ import annotations

import pytest

from roomcast.engineio.limits.token_bucket import TokenBucket


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
