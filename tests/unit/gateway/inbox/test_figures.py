"""The counts of the inbox service, as its metrics show them."""

from __future__ import annotations

from roomcast.gateway.inbox.figures import InboxFigures
from roomcast.gateway.operations.metrics import Metrics


class Clock:
    """Seconds that the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_catching_up_is_timed_from_the_first_loss_to_the_end() -> None:
    clock = Clock()
    figures = InboxFigures(clock)
    figures.ended()  # no subscription was lost
    assert figures.catch_up_seconds == 0
    figures.began()
    clock.now += 2
    figures.began()  # lost again before the end
    clock.now += 3
    figures.ended()
    figures.ended()
    assert figures.catch_up_seconds == 5


def test_a_scrape_adds_the_counts_since_the_last_scrape() -> None:
    figures, metrics = InboxFigures(Clock()), Metrics()
    figures.live, figures.waiting = 3, 2
    for _ in range(2):
        figures.told(25)
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
