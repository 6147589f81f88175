"""The figures of a chaos experiment, with their limits."""

from __future__ import annotations

import math

import pytest

from loadtest.chaos.figures import Figure, number, share_within


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
