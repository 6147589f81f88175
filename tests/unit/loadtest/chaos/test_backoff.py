"""The backoff of the chaos clients, and the parsing of Retry-After."""

from __future__ import annotations

import pytest

from loadtest.chaos.backoff import RECONNECT, Backoff, retry_after


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
