"""The collector adds up the reports of the load generator's processes, and keeps figures over time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from loadtest.results.collector import MAX_POINTS, Collector


def stats(deliveries: dict[int, int], failures: int = 0) -> Any:
    entries = {("message", "delivery"): SimpleNamespace(response_times=deliveries)}
    return SimpleNamespace(entries=entries, total=SimpleNamespace(num_failures=failures))


def meter(**values: Any) -> dict[str, Any]:
    return {"cpu": 0.1, "late_ms": 1.0, "seconds": 5, "bad": 0, "is_saturated": False, **values}


def test_the_latest_reports_of_all_processes_are_added_up() -> None:
    collector = Collector()
    collector.take("a", {"counts": {"acked": 1}, "meter": meter()})
    collector.take("a", {"counts": {"acked": 3}, "meter": meter()})
    collector.take("b", {"counts": {"acked": 4, "missing": 1}, "meter": meter(is_saturated=True)})
    assert collector.counts == {"acked": 7, "missing": 1}
    assert collector.saturated == ["b"]


def test_a_point_shows_the_increase_since_the_last_point() -> None:
    collector = Collector()
    collector.take("a", {"counts": {}, "meter": meter(cpu=0.5, late_ms=7.0)})
    collector.sample(stats({5: 10}), users=3)
    collector.sample(stats({5: 10, 40: 10}, failures=2), users=4)
    first, second = collector.points
    assert (first.delivery_p50, second.delivery_p50, second.ack_p95) == (5, 40, None)
    assert (second.users, second.cpu, second.late_ms) == (4, 0.5, 7.0)
    assert second.failures > 0
    assert collector.most_users == 4


def test_a_reset_of_the_statistics_does_not_cause_a_negative_increase() -> None:
    collector = Collector()
    collector.sample(stats({5: 10}, failures=3), users=1)
    collector.sample(stats({7: 2}), users=1)
    assert collector.points[-1].delivery_p95 == 7
    assert collector.points[-1].failures == 0


def test_a_long_run_keeps_a_bounded_number_of_points() -> None:
    collector = Collector()
    for _ in range(MAX_POINTS + 10):
        collector.sample(stats({}), users=1)
    assert len(collector.points) < MAX_POINTS
