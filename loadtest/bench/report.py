"""Write a run as Markdown: a summary, a table per row with spread and ratios, and what each side omits. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from loadtest.bench.results import METRICS, Results, RowInfo
from loadtest.bench.stats import Spread, ratio

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"
OURS: Final = "roomcast"
_DETAILS: Final = (
    ("redis_us", "Redis µs"),
    ("nginx_us", "nginx µs"),
    ("redis_connect_us", "Redis µs"),
    ("connect_us", "connect, µs CPU"),
    ("message_us", "µs per message"),
    ("above_rest_us", "of it beyond rest"),
    ("rest_percent", "at rest, % of a core"),
    ("receiver_us", "µs per message and receiver"),
    ("rate", "deliveries/s"),
    ("connect_rate", "connects/s"),
    ("p50_ms", "p50 ms"),
    ("p99_ms", "p99 ms"),
    ("max_ms", "max ms"),
    ("lag_ms", "loop late, ms at most"),
    ("busy_ms", "of it by its own work, ms at most"),
    ("lags_20ms", "late > 20 ms"),
    ("redis_heartbeat_us", "Redis µs"),
    ("hold_p99_ms", "99th percentile, ms"),
    ("sweep_us", "µs per person"),
    ("lost", "lost"),
    ("refused", "refused"),
)
Figures = Mapping[tuple[str, str], Mapping[str, Spread]]


def number(value: float) -> str:
    """Format with at most three significant digits and commas for thousands."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".") or "0"


def markdown(results: Results) -> str:
    """Return the whole report, without the markers."""
    figures = results.spreads()
    parts = [_machine(results)]
    for group in dict.fromkeys(row.group for row in results.rows):
        rows = [row for row in results.rows if row.group == group]
        parts += [
            f"### {group}",
            _summary(results, rows, figures),
            *(_row_table(results, row, figures) for row in rows),
        ]
    parts.append(_left_out(results))
    return "\n\n".join(part for part in parts if part) + "\n"


def splice(document: str, generated: str) -> str:
    """Replace the text between the markers of `document`; raise ValueError when it has none."""
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


def _summary(results: Results, rows: Sequence[RowInfo], figures: Figures) -> str:
    """Return a line per row and a column per server: medians, and Roomcast against the better Node."""
    peers = [peer for peer in results.peers if any((row.name, peer.name) in figures for row in rows)]
    header = ["work", "figure", *(peer.title for peer in peers), "Roomcast: times better than Node"]
    lines = []
    for row in rows:
        found = _of_row(results, row, figures)
        cells = [number(found[p.name][row.headline].median) if p.name in found else "" for p in peers]
        own = _times(_median(found, OURS, row.headline), best_node(found, row.headline))
        lines.append([row.title, METRICS[row.headline], *cells, own])
    return _table(header, lines)


def _of_row(results: Results, row: RowInfo, figures: Figures) -> dict[str, Mapping[str, Spread]]:
    """Return the figures of each server that has this row's headline."""
    named = {peer.name: figures.get((row.name, peer.name), {}) for peer in results.peers}
    return {name: its for name, its in named.items() if row.headline in its}


def _row_table(results: Results, row: RowInfo, figures: Figures) -> str:
    found = _of_row(results, row, figures)
    if not found:
        return ""
    present = {name for its in found.values() for name in its} - {row.headline}
    details = [(name, title) for name, title in _DETAILS if name in present]
    header = ["server", METRICS[row.headline], "lowest to highest", "rounds", "× Node", "× nchan"]
    titles = {peer.name: peer.title for peer in results.peers}
    lines = []
    for name, its in found.items():
        cells = [titles[name], *_headline_cells(its[row.headline], found, row.headline)]
        lines.append(cells + [number(its[key].median) if key in its else "" for key, _ in details])
    title = f"#### {row.title[0].upper()}{row.title[1:]}: {METRICS[row.headline]}"
    return f"{title}\n\n{_table([*header, *(title for _, title in details)], lines)}"


def _headline_cells(head: Spread, found: Mapping[str, Mapping[str, Spread]], figure: str) -> list[str]:
    """Return median, range, rounds, and the ratios to the better Node and to nchan."""
    times = [_times(head.median, best_node(found, figure)), _times(head.median, _median(found, "nchan", figure))]
    return [number(head.median), f"{number(head.low)} to {number(head.high)}", str(head.rounds), *times]


def best_node(found: Mapping[str, Mapping[str, Spread]], figure: str) -> float:
    """Return the better (lower) median of the Node peers; 0.0 when none took part."""
    medians = [its[figure].median for name, its in found.items() if name.startswith("node") and figure in its]
    return min(medians, default=0.0)


def _median(found: Mapping[str, Mapping[str, Spread]], name: str, figure: str) -> float:
    return found[name][figure].median if figure in found.get(name, {}) else 0.0


def _times(value: float, against: float) -> str:
    times = ratio(value, against)
    return f"{times:.2f}" if times is not None else ""


def _left_out(results: Results) -> str:
    lines = [f"- {peer.title}: {peer.leaves_out}." for peer in results.peers]
    return "What each side does not do here:\n\n" + "\n".join(lines)
