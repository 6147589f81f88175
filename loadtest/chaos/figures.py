"""Figures of an experiment: numbers, most of them with a limit. Pure."""

from __future__ import annotations

import math
from typing import NamedTuple


class Figure(NamedTuple):
    """One figure. Without a `limit` it is information only. `at_least`: the limit is a lower bound."""

    name: str
    value: float
    limit: float | None = None
    unit: str = ""
    at_least: bool = False

    @property
    def holds(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def badness(self) -> float:
        """Return a sort key that is greater for a worse figure: the value relative to its limit, if it has one."""
        if self.limit is None:
            return self.value
        return self.limit - self.value if self.at_least else self.value - self.limit

    def __str__(self) -> str:
        text = f"{self.name} {number(self.value)}{self.unit and ' ' + self.unit}"
        if self.limit is None:
            return text
        return f"{text} ({'≥' if self.at_least else '≤'} {number(self.limit)}){'' if self.holds else ' MISSED'}"


def number(value: float) -> str:
    """Format with two decimals below 10, one below 100, else none; whole numbers have none, and inf is "never"."""
    if not math.isfinite(value):
        return "never"
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def share_within(values: list[float], limit: float) -> float:
    """Return the percentage of values up to `limit`; 100 for an empty list."""
    return 100.0 * sum(value <= limit for value in values) / len(values) if values else 100.0
