"""The verdict on a load run."""

from __future__ import annotations

from typing import Any

import pytest

from loadtest.targets import Line, Targets, error_ratio, lines, missed, table


def entry(kind: str, name: str, times: dict[str, int], failures: int = 0) -> dict[str, Any]:
    return {
        "method": kind,
        "name": name,
        "num_requests": sum(times.values()),
        "num_failures": failures,
        "response_times": times,
        "max_response_time": 1234.56,
        "start_time": 100.0,
        "last_request_timestamp": 110.0,
    }


GOOD = [
    entry("delivery", "message", {"10": 950, "40": 50}),
    entry("ack", "message:send", {"5": 100}),
    entry("POST", "upload", {"100": 4}),
]


def test_percentiles_and_rates_of_a_row() -> None:
    [delivery, *_] = lines([entry("delivery", "message", {"40": 1, "3": 90, "20": 9})])
    assert (delivery.p50, delivery.p95, delivery.p99, delivery.worst) == (3, 20, 20, 1234.6)
    assert delivery.per_second == pytest.approx(10)


def test_a_good_run_misses_nothing() -> None:
    assert missed(lines(GOOD), Targets(), users=20) == []


@pytest.mark.parametrize(
    ("change", "targets", "word"),
    [
        ({}, Targets(p95_delivery_ms=9), "delivery p95"),
        ({}, Targets(p95_ack_ms=4), "ack p95"),
        ({}, Targets(sends_per_user=1.0), "acked sends"),
        ({"num_failures": 1}, Targets(), "error ratio"),
    ],
)
def test_each_target_can_be_missed(change: dict[str, int], targets: Targets, word: str) -> None:
    found = missed(lines([GOOD[0], GOOD[1] | change, GOOD[2]]), targets, users=20)
    assert [word in sentence for sentence in found] == [True]


@pytest.mark.parametrize("entries", [[], GOOD[:1], GOOD[1:], [GOOD[0], GOOD[1] | {"num_failures": 100}]])
def test_a_run_without_deliveries_or_acks_is_no_success(entries: list[dict[str, Any]]) -> None:
    assert missed(lines(entries), Targets(), users=1) == ["no message was acked and delivered"]


def test_deliveries_do_not_water_down_the_error_ratio() -> None:
    good = Line("delivery", "message", 10_000, 0, 1, 1, 1, 1, 1)
    bad = Line("ack", "message:send", 10, 5, 1, 1, 1, 1, 1)
    assert error_ratio([good, bad]) == 0.5


def test_the_table_is_aligned() -> None:
    text = table(lines(GOOD)).splitlines()
    assert len(text) == 4
    assert len({len(line) for line in text}) == 1
