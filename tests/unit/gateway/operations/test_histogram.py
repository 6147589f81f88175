"""Histograms of durations, and the counts of the outcomes of one event."""

from __future__ import annotations

import pytest

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
