"""Targets of a run (service level objectives): read from TOML, and compared with the measured figures. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from loadtest.results.rows import Row, error_ratio

SENDS: Final = "ack message:send"
DELIVERIES: Final = "delivery message"
_FIGURES: Final = ("p50_ms", "p95_ms", "p99_ms", "max_ms")
_NUMBERS: Final = ("error_ratio", "missing", "sends_per_user")


class Check(NamedTuple):
    """The check of one target: whether the target was met, and a sentence with the figure and the target."""

    is_held: bool
    sentence: str


@dataclass(frozen=True)
class Slo:
    """Targets. `rows`: limits in ms by row and figure. `are_rows_needed`: whether a row without requests is a miss."""

    error_ratio: float = 0.001
    missing: float = 0.0
    sends_per_user: float = 0.0
    rows: Mapping[str, Mapping[str, float]] = field(
        default_factory=lambda: {DELIVERIES: {"p95_ms": 250.0}, SENDS: {"p95_ms": 250.0}}
    )
    are_rows_needed: bool = False


def parse(text: str) -> Slo:
    """Read the targets of a file; raise ValueError with one line for invalid TOML or an unknown target."""
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"not valid TOML: {error}") from None
    numbers = {name: _number(name, value) for name, value in values.items() if not isinstance(value, dict)}
    if unknown := set(numbers) - set(_NUMBERS):
        raise ValueError(f"unknown target {min(unknown)!r}; known: {', '.join(_NUMBERS)}, and rows in brackets")
    rows = {name: _figures(name, value) for name, value in values.items() if isinstance(value, dict)}
    return Slo(**numbers, rows=rows, are_rows_needed=True)


def judge(slo: Slo, rows: Sequence[Row], counts: Mapping[str, int], users: int) -> list[Check]:
    """Compare the measured figures with the targets. For a row that the run lacks, see `Slo.are_rows_needed`."""
    by_title = {row.title: row for row in rows}
    wanted = {title: each for title, each in slo.rows.items() if slo.are_rows_needed or title in by_title}
    checks = [check for title, figures in wanted.items() for check in _judge_row(title, by_title.get(title), figures)]
    ratio, missing = error_ratio(rows), counts.get("missing", 0)
    checks.append(Check(ratio <= slo.error_ratio, f"error ratio {ratio:.4f} (at most {slo.error_ratio:g})"))
    checks.append(Check(missing <= slo.missing, f"messages missing {missing} (at most {slo.missing:g})"))
    if slo.sends_per_user:
        sends = by_title.get(SENDS)
        rate = 0.0 if sends is None else sends.per_second * (1 - sends.failures / max(1, sends.requests))
        least = slo.sends_per_user * users
        checks.append(Check(rate >= least, f"acked sends {rate:.1f}/s (at least {least:.1f}/s)"))
    return checks


def _judge_row(title: str, row: Row | None, figures: Mapping[str, float]) -> list[Check]:
    if row is None or not row.requests:
        return [Check(False, f"{title}: no requests")]
    found = {"p50_ms": row.p50, "p95_ms": row.p95, "p99_ms": row.p99, "max_ms": row.worst}
    return [
        Check(found[name] <= most, f"{title} {name.removesuffix('_ms')} {found[name]:g} ms (at most {most:g} ms)")
        for name, most in figures.items()
    ]


def _figures(row: str, values: Mapping[str, Any]) -> dict[str, float]:
    if unknown := set(values) - set(_FIGURES):
        raise ValueError(f"unknown figure {min(unknown)!r} of {row!r}; known: {', '.join(_FIGURES)}")
    return {name: _number(name, value) for name, value in values.items()}


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number")
    return float(value)
