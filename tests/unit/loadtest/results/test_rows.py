"""The rows of the result table: the figures of each kind of request or delivery."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from loadtest.results.rows import Row, error_ratio, from_entries, percentile, table


def entry(kind: str, name: str, times: dict[int, int], failures: int = 0) -> SimpleNamespace:
    return SimpleNamespace(
        method=kind,
        name=name,
        num_requests=sum(times.values()),
        num_failures=failures,
        response_times=times,
        max_response_time=1234.56,
        start_time=100.0,
        last_request_timestamp=110.0,
    )


def test_percentiles_and_rates_of_a_row() -> None:
    [delivery] = from_entries([entry("delivery", "message", {40: 1, 3: 90, 20: 9})])
    assert (delivery.p50, delivery.p95, delivery.p99, delivery.worst) == (3, 20, 20, 1234.6)
    assert delivery.per_second == pytest.approx(10)
    assert delivery.title == "delivery message"


def test_an_empty_histogram_has_no_percentile() -> None:
    assert percentile({}, 0.5) == 0.0


def test_deliveries_do_not_lower_the_error_ratio() -> None:
    good = Row("delivery", "message", 10_000, 0, 1, 1, 1, 1, 1)
    bad = Row("ack", "message:send", 10, 5, 1, 1, 1, 1, 1)
    assert error_ratio([good, bad]) == 0.5


def test_the_table_is_aligned_and_sorted() -> None:
    rows = from_entries([entry("storage", "POST", {100: 4}), entry("ack", "message:send", {5: 100})])
    text = table(rows).splitlines()
    assert [line.split()[0] for line in text] == ["kind", "ack", "storage"]
    assert len({len(line) for line in text}) == 1
