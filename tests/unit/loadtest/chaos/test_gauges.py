"""Figures that are computed from two readings of a metrics page."""

from __future__ import annotations

import math

from loadtest.chaos import gauges

METRICS = """# HELP x y
lag_bucket{le="0.01"} %d
lag_bucket{le="0.1"} %d
lag_bucket{le="+Inf"} %d
gone_total{reason="a"} 2
gone_total{reason="b"} 3
"""


def test_quantile_uses_only_the_observations_between_two_readings() -> None:
    before, after = gauges.parse(METRICS % (100, 100, 100)), gauges.parse(METRICS % (190, 199, 200))
    assert gauges.quantile(before, after, "lag", 0.5) == 0.01
    assert gauges.quantile(before, after, "lag", 0.99) == 0.1
    assert gauges.quantile(before, after, "lag", 1.0) == math.inf
    assert gauges.quantile(after, after, "lag", 0.5) == 0.0


def test_total_sums_a_counter_over_its_labels() -> None:
    assert gauges.total(gauges.parse(METRICS % (0, 0, 0)), "gone_total") == 5.0
