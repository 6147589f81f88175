"""Render one self-contained HTML page with the verdict, plots and tables of a load test. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

from loadtest.results.collector import Point
from loadtest.results.plots import Series, line_chart
from loadtest.results.rows import Row, as_cells
from loadtest.results.slo import Check

_STYLE: Final = Path(__file__).with_name("page.css").read_text(encoding="utf-8")


class Result(NamedTuple):
    """The content of the page. `facts`: the settings of the run; `errors`: count and text, most frequent first."""

    title: str
    verdict: str
    is_good: bool
    facts: Mapping[str, str]
    checks: Sequence[Check]
    points: Sequence[Point]
    rows: Sequence[Row]
    counts: Mapping[str, int]
    processes: Mapping[str, Mapping[str, Any]]
    errors: Sequence[tuple[int, str]]


def render(result: Result) -> str:
    """Return the page as HTML."""
    mood = "good" if result.is_good else "bad"
    facts = " · ".join(f"{escape(name)} {escape(value)}" for name, value in result.facts.items())
    parts = [
        f'<h1>{escape(result.title)}</h1><p class="verdict {mood}">{escape(result.verdict)}</p>',
        f'<p class="dim">{facts}</p>',
        _section("Targets", _targets(result.checks)),
        _section("Over time", f'<div class="plots">{"".join(_plots(result.points))}</div>'),
        _section("Requests and deliveries", _table(_ROW_HEAD, map(as_cells, result.rows), texts=2)),
        _section("Counts", _table(("what", "count"), _counts(result.counts), texts=1)),
        _section("Load generators", _table(_PROCESS_HEAD, _processes(result.processes), texts=1)),
    ]
    if result.errors:
        rows = ((str(count), sentence) for count, sentence in result.errors)
        parts.append(_section("Errors", _table(("count", "error"), rows, texts=2)))
    title, body = escape(result.title), "".join(parts)
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    style = f"<style>{_STYLE}</style>"
    return f'<!doctype html><html lang="en"><head>{head}{style}</head><body>{body}</body></html>\n'


_ROW_HEAD: Final = ("kind", "name", "count", "failed", "per s", "p50 ms", "p95 ms", "p99 ms", "max ms")
_PROCESS_HEAD: Final = (
    "process",
    "seconds",
    "saturated seconds",
    "last CPU, % of a core",
    "last loop lag, ms",
    "figures are valid",
)


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}"


def _targets(checks: Sequence[Check]) -> str:
    rows = "".join(
        f'<tr><td class="text {"good" if check.is_held else "bad"}">{"held" if check.is_held else "missed"}</td>'
        f'<td class="text wide">{escape(check.sentence)}</td></tr>'
        for check in checks
    )
    return f'<div class="scroll"><table>{rows}</table></div>'


def _plots(points: Sequence[Point]) -> list[str]:
    def line(name: str, scale: float = 1.0) -> Series:
        values = [(point.at, getattr(point, name)) for point in points]
        return [(at, None if value is None else value * scale) for at, value in values]

    return [
        line_chart(
            "Delivery latency",
            "ms",
            {"p50": line("delivery_p50"), "p95": line("delivery_p95"), "p99": line("delivery_p99")},
        ),
        line_chart("Ack of message:send", "ms", {"p95": line("ack_p95")}),
        line_chart("Rates", "per s", {"deliveries": line("deliveries"), "sends": line("sends")}),
        line_chart("Users", "users", {"users": line("users")}),
        line_chart("Failed requests", "per s", {"failures": line("failures")}),
        line_chart("Busiest load generator", "% / ms", {"CPU %": line("cpu", 100.0), "loop lag ms": line("late_ms")}),
    ]


def _counts(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    return [(name, f"{count:,}") for name, count in sorted(counts.items())]


def _processes(processes: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    return [
        (
            name,
            str(meter["seconds"]),
            str(meter["bad"]),
            f"{meter['cpu']:.0%}",
            f"{meter['late_ms']:.0f}",
            "no, saturated" if meter["is_saturated"] else "yes",
        )
        for name, meter in sorted(processes.items())
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], texts: int) -> str:
    """Return a table: the first `texts` columns contain text, the others numbers."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=text' if column < texts else ''}>{escape(cell)}</{tag}>" for column, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{cells("th", head)}</tr>{body}</table></div>'
