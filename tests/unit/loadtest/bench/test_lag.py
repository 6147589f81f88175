"""The event-loop lag that is read from the metrics page of a gateway."""

from __future__ import annotations

import pytest

from loadtest.bench import lag

PAGE = """# TYPE roomcast_gateway_loop_lag_seconds histogram
roomcast_gateway_loop_lag_seconds_bucket{le="0.001"} 5.0
roomcast_gateway_loop_lag_seconds_bucket{le="0.01"} 8.0
roomcast_gateway_loop_lag_seconds_bucket{le="0.025"} 9.0
roomcast_gateway_loop_lag_seconds_bucket{le="+Inf"} 9.0
roomcast_gateway_loop_busy_seconds_bucket{le="0.01"} 77.0
"""


def test_the_buckets_of_one_metric_are_read() -> None:
    assert lag.buckets(PAGE) == {0.001: 5, 0.01: 8, 0.025: 9, float("inf"): 9}
    assert lag.buckets(PAGE, lag.BUSY) == {0.01: 77}
    with pytest.raises(ValueError, match="loop_lag"):
        lag.buckets("nothing here")


def test_longest_is_the_bound_of_the_longest_lag_between_two_readings() -> None:
    before, after = lag.buckets(PAGE), {0.001: 25.0, 0.01: 28.0, 0.025: 29.0, float("inf"): 29.0}
    assert lag.longest(before, after) == 0.001
    assert lag.longest(before, {**after, 0.01: 29.0, 0.025: 30.0, float("inf"): 30.0}) == 0.01
    assert lag.longest(before, {**after, float("inf"): 30.0}) == float("inf")
    assert lag.longest(before, before) == 0.0


def test_lags_above_a_bound_are_counted() -> None:
    before, after = lag.buckets(PAGE), {0.001: 6.0, 0.01: 9.0, 0.025: 12.0, float("inf"): 14.0}
    assert lag.above(before, after, 0.025) == 2
    assert lag.above(before, after, 0.01) == 4
    assert lag.above(before, after, 5.0) == 0
