"""A run as Markdown: a summary, one table per row with spread and ratios, and what each side leaves out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from loadtest.bench.results import METRICS, Results, RowInfo
from loadtest.bench.stats import Spread, ratio

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"
_DETAILS: Final = (
    ("redis_us", "Redis µs"),
    ("nginx_us", "nginx µs"),
    ("redis_connect_us", "Redis µs"),
    ("connect_us", "connect, µs CPU"),
    ("message_us", "µs per message"),
    ("receiver_us", "µs per message and receiver"),
    ("rate", "deliveries/s"),
    ("connect_rate", "connects/s"),
    ("p50_ms", "p50 ms"),
    ("p99_ms", "p99 ms"),
    ("max_ms", "max ms"),
    ("stall_ms", "longest stall ms"),
    ("stalls_20ms", "stalls > 20 ms"),
    ("lost", "lost"),
    ("refused", "refused"),
)
Figures = Mapping[tuple[str, str], Mapping[str, Spread]]


def number(value: float) -> str:
    """Three significant digits at most, thousands with commas."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def markdown(results: Results) -> str:
    """The whole report, without the markers."""
    figures = results.spreads()
    parts = [_machine(results), _summary(results, figures)]
    parts += [_row_table(results, row, figures) for row in results.rows]
    parts.append(_left_out(results))
    return "\n\n".join(part for part in parts if part) + "\n"


def splice(document: str, generated: str) -> str:
    """`document` with the text between its markers replaced; raises ValueError when it has none."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} … {END} in the document")
    return f"{head}{BEGIN}\n\n{generated.strip()}\n\n{END}{tail}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _machine(results: Results) -> str:
    return "Measured on " + ", ".join(f"{name} {value}".strip() for name, value in results.machine.items()) + "."


def _summary(results: Results, figures: Figures) -> str:
    header = ["server", *(f"{row.title}: {METRICS[row.headline]}" for row in results.rows)]
    rows = []
    for peer in results.peers:
        cells = [figures.get((row.name, peer.name), {}).get(row.headline) for row in results.rows]
        if any(cells):
            rows.append([peer.title, *(number(cell.median) if cell else "" for cell in cells)])
    return _table(header, rows)


def _row_table(results: Results, row: RowInfo, figures: Figures) -> str:
    found = {peer.name: figures[row.name, peer.name] for peer in results.peers if (row.name, peer.name) in figures}
    if not found:
        return ""
    details = [
        (name, title) for name, title in _DETAILS if name != row.headline and any(name in f for f in found.values())
    ]
    header = [
        "server",
        METRICS[row.headline],
        "lowest to highest",
        "rounds",
        "× Node",
        "× nchan",
        *(t for _, t in details),
    ]
    titles = {peer.name: peer.title for peer in results.peers}
    rows = []
    for name, its in found.items():
        head = its[row.headline]
        cells = [titles[name], number(head.median), f"{number(head.low)} to {number(head.high)}", str(head.rounds)]
        cells += [_times(head, best_node(found, row.headline)), _times(head, _median(found, "nchan", row.headline))]
        rows.append(cells + [number(its[key].median) if key in its else "" for key, _ in details])
    return f"### {row.title[0].upper()}{row.title[1:]}\n\n{_table(header, rows)}"


def best_node(found: Mapping[str, Mapping[str, Spread]], figure: str) -> float:
    """The better (lower) median of the Node peers; 0.0 when none took part."""
    medians = [its[figure].median for name, its in found.items() if name.startswith("node") and figure in its]
    return min(medians, default=0.0)


def _median(found: Mapping[str, Mapping[str, Spread]], name: str, figure: str) -> float:
    return found[name][figure].median if figure in found.get(name, {}) else 0.0


def _times(head: Spread, against: float) -> str:
    times = ratio(head.median, against)
    return f"{times:.2f}" if times is not None else ""


def _left_out(results: Results) -> str:
    lines = [f"- {peer.title}: {peer.leaves_out}." for peer in results.peers]
    return "What each side does not do here:\n\n" + "\n".join(lines)
