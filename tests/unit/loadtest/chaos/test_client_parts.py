"""Parts of the chaos clients: backoff, outbox, rooms and addresses. Also the gauges and figures of a run."""

from __future__ import annotations

import math

import pytest

from loadtest.chaos import gauges
from loadtest.chaos.backoff import RECONNECT, Backoff, retry_after
from loadtest.chaos.crowd import rooms_of, source_address
from loadtest.chaos.figures import Figure, number, share_within
from loadtest.chaos.journal import Sent
from loadtest.chaos.outbox import Outbox


@pytest.mark.parametrize(
    ("attempt", "random", "expected"), [(0, 0.0, 0.25), (0, 1.0, 0.5), (3, 0.5, 3.0), (99, 1.0, RECONNECT.most)]
)
def test_the_wait_doubles_with_each_attempt_and_its_second_half_is_random(
    attempt: int, random: float, expected: float
) -> None:
    assert Backoff(0.5, RECONNECT.most).wait(attempt, random) == pytest.approx(expected)


def test_a_wait_is_at_least_retry_after() -> None:
    assert RECONNECT.wait(0, 0.0, retry_after=7.0) == 7.0
    assert RECONNECT.wait(0, 1.0, retry_after=7.0) > 7.0


@pytest.mark.parametrize(("header", "expected"), [("3", 3.0), (None, 0.0), ("soon", 0.0), ("-1", 0.0), ("9999", 120.0)])
def test_retry_after_is_parsed_and_bounded(header: str | None, expected: float) -> None:
    assert retry_after(header) == expected


def outbox(*names: str) -> Outbox:
    made = Outbox(is_open=True)
    for name in names:
        made.add(Sent(name, "room", "w", 1, 0.0, ""))
    return made


def names(taken: list[Sent]) -> list[str]:
    return [sent.id for sent in taken]


def test_a_message_is_sent_again_only_after_a_negative_ack() -> None:
    made = outbox("a", "b")
    assert names(made.take()) == ["a", "b"]
    assert made.take() == []
    made.answered("a", acked=True)
    made.answered("b", acked=False)
    assert names(made.take()) == ["b"]


def test_the_outbox_sends_no_message_before_the_join_or_during_a_pause() -> None:
    made = outbox("a")
    made.paused = True
    assert made.take() == []
    made.cut()
    assert made.take() == []
    made.is_open = True
    assert names(made.take()) == ["a"]


def test_each_client_is_in_two_rooms_of_about_equal_size() -> None:
    rooms = [room for index in range(1000) for room in set(rooms_of(index, 100))]
    assert len(rooms) == 2000
    assert {rooms.count(room) for room in range(100)} <= set(range(19, 23))


def test_a_hundred_clients_share_a_loopback_address() -> None:
    addresses = [source_address(index) for index in range(5000)]
    assert len(set(addresses)) == 50
    assert all(address.startswith("127.1.") and 0 < int(address.split(".")[3]) < 255 for address in addresses)


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


def test_a_figure_holds_within_its_limit() -> None:
    assert Figure("a", 3.0).holds
    assert Figure("a", 3.0, 3.0).holds
    assert not Figure("a", math.inf, 3.0).holds
    assert not Figure("a", 98.9, 99.0, at_least=True).holds
    assert str(Figure("back", 16.25, 15.0, "s")) == "back 16.2 s (≤ 15) MISSED"


@pytest.mark.parametrize(("value", "text"), [(3.0, "3"), (0.256, "0.26"), (12.34, "12.3"), (250.7, "251")])
def test_numbers_are_shown_with_about_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_the_share_of_no_values_is_100_percent() -> None:
    assert share_within([], 5.0) == 100.0
    assert share_within([1.0, 9.0], 5.0) == 50.0
