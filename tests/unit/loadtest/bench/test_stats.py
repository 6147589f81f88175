"""Medians, percentiles and ratios."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.bench.stats import latency, percentile, ratio, spread


def test_a_percentile_is_the_value_of_the_nearest_rank() -> None:
    values = list(range(1, 101))
    assert [percentile(values, share) for share in (0.0, 0.01, 0.5, 0.99, 1.0)] == [1, 1, 50, 99, 100]
    assert percentile([7], 0.99) == 7
    assert percentile([], 0.5) == 0.0


@given(st.lists(st.integers(0, 10**9), min_size=1), st.floats(0.001, 1.0))
def test_at_least_the_given_share_of_values_is_at_or_below_the_percentile(values: list[int], share: float) -> None:
    found = percentile(sorted(values), share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-6


def test_latency_converts_microseconds_to_milliseconds() -> None:
    assert latency([3000, 1000, 2000]) == (2.0, 3.0, 3.0)


def test_spread_is_the_median_with_its_range() -> None:
    assert spread([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0, 3)
    with pytest.raises(ValueError, match="no rounds"):
        spread([])


def test_ratio_returns_how_many_times_better_the_first_value_is() -> None:
    assert ratio(2.0, 20.0) == 10.0
    assert ratio(2.0, 0.0) is None
    assert ratio(0.0, 2.0) is None
