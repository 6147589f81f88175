"""The figures of the inbox service and their metrics."""

from __future__ import annotations

from roomcast.gateway.inbox.counters import InboxFigures
from roomcast.gateway.operations.metrics import Metrics


class Clock:
    """A clock that the test sets, in seconds."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_duration_of_catching_up_runs_from_the_first_lost_subscription() -> None:
    clock = Clock()
    figures = InboxFigures(clock)
    figures.ended()  # no subscription was lost
    assert figures.catch_up_seconds == 0
    figures.began()
    clock.now += 2
    figures.began()  # a subscription is lost again before the end
    clock.now += 3
    figures.ended()
    figures.ended()
    assert figures.catch_up_seconds == 5


def test_settle_adds_the_counts_since_the_last_settle_to_the_metrics() -> None:
    figures, metrics = InboxFigures(Clock()), Metrics()
    figures.live, figures.waiting = 3, 2
    for _ in range(2):
        figures.told(25, 1)
        figures.reset(1)
        metrics.inbox.settle(figures)
        metrics.inbox.settle(figures)
    text = metrics.exposition().decode().splitlines()
    for line in (
        "roomcast_gateway_inbox_live 3.0",
        "roomcast_gateway_inbox_waiting 2.0",
        "roomcast_gateway_inbox_events_total 2.0",
        "roomcast_gateway_inbox_lines_total 50.0",
        "roomcast_gateway_inbox_resets_total 2.0",
    ):
        assert line in text
