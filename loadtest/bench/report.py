"""Write a run as Markdown: a summary, a table per row with spread and ratios, and what each server omits. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from loadtest.bench.results import METRICS, PeerInfo, Results, RowInfo
from loadtest.bench.stats import Spread, ratio

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"
OURS: Final = "roomcast"
_DETAILS: Final = (
    ("cpu_us", "servers µs"),
    ("redis_us", "Redis µs"),
    ("nginx_us", "nginx µs"),
    ("memory_kib", "servers KiB"),
    ("nginx_kib", "nginx KiB"),
    ("redis_kib", "Redis KiB"),
    ("redis_connect_us", "Redis µs per connect"),
    ("connect_us", "servers µs per connect"),
    ("message_us", "µs per message"),
    ("above_rest_us", "µs per message beyond rest"),
    ("rest_percent", "CPU at rest, % of a core"),
    ("receiver_us", "µs per message and receiver"),
    ("rate", "deliveries/s"),
    ("connect_rate", "connects/s"),
    ("p50_ms", "p50 ms"),
    ("p99_ms", "p99 ms"),
    ("max_ms", "max ms"),
    ("lag_ms", "greatest loop lag, ms"),
    ("busy_ms", "greatest loop lag by own work, ms"),
    ("lags_20ms", "lags above 20 ms"),
    ("storm_rate", "changes/s in the storm"),
    ("settled_ms", "last state after the storm, ms"),
    ("storm_events", "events to the watcher in the storm"),
    ("redis_heartbeat_us", "Redis µs"),
    ("redis_repeat_us", "Redis µs per full state"),
    ("redis_state_us", "Redis µs per connect"),
    ("redis_change_us", "Redis µs per change"),
    ("redis_published_us", "Redis µs per change and gateway"),
    ("redis_note_us", "Redis µs per ended note"),
    ("redis_expiry_us", "Redis µs per expiry"),
    ("redis_pass_us", "Redis µs per pass"),
    ("redis_person_bytes", "Redis bytes per person"),
    ("received_us", "gateway µs per change"),
    ("watched_us", "gateway µs per packet"),
    ("watch_bytes", "bytes per watched person"),
    ("hold_p99_ms", "p99 of the commands, ms"),
    ("sweep_us", "µs per person"),
    ("redis_alone_us", "Redis µs, room on no list"),
    ("redis_inbox_bytes", "Redis bytes per inbox"),
    ("redis_list_us", "Redis µs per list"),
    ("redis_line_us", "Redis µs per line"),
    ("redis_catch_up_us", "Redis µs per compared inbox"),
    ("catch_up_seconds", "seconds until all are compared"),
    ("lost", "lost"),
    ("refused", "refused"),
)
Figures = Mapping[tuple[str, str], Mapping[str, Spread]]
Found = Mapping[str, Mapping[str, Spread]]
"""The figures of one row, by server."""


def number(value: float) -> str:
    """Format with two decimals below 10, one below 100, else none, and with commas for thousands."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".") or "0"


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
    """Replace the text between the markers of `document`. Raise ValueError without markers."""
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
    """Return a table of medians: one line per row, one column per server, then Roomcast's ratios to other servers."""
    peers = [peer for peer in results.peers if any((row.name, peer.name) in figures for row in rows)]
    against = _against(peers)
    times = [f"Roomcast: times better than {name}" for name in against]
    header = ["workload", "figure", *(peer.label or peer.title for peer in peers), *times]
    lines = []
    for row in rows:
        found = _of_row(results, row, figures)
        cells = [number(found[p.name][row.headline].median) if p.name in found else "" for p in peers]
        own = _median(found, OURS, row.headline)
        lines.append(
            [
                row.title,
                METRICS[row.headline],
                *cells,
                *(_times_best(own, found, row, names) for names in against.values()),
            ]
        )
    return _table(header, lines)


def _against(peers: Sequence[PeerInfo]) -> dict[str, dict[str, str]]:
    """Return the groups of servers whose best server is compared with Roomcast: title -> server name -> label."""
    groups = {
        "Node": {peer.name: "" for peer in peers if peer.name.startswith("node")},
        "the best rival": {peer.name: peer.label for peer in peers if peer.is_rival},
        "the best rival that keeps a history": {
            peer.name: peer.label for peer in peers if peer.is_rival and peer.keeps_history
        },
    }
    return {title: names for title, names in groups.items() if names or title == "Node"}


def _times_best(own: float, found: Found, row: RowInfo, names: Mapping[str, str]) -> str:
    """Return the factor by which `own` is better than the best of these servers, and that server's label."""
    medians = {name: _median(found, name, row.headline) for name in names if name in found}
    if not medians:
        return ""
    best = min(medians, key=lambda name: medians[name])
    return f"{_times(own, medians[best])} ({names[best]})".removesuffix(" ()")


def _of_row(results: Results, row: RowInfo, figures: Figures) -> Found:
    """Return the figures of each server that has a value for this row's headline."""
    named = {peer.name: figures.get((row.name, peer.name), {}) for peer in results.peers}
    return {name: its for name, its in named.items() if row.headline in its}


def _row_table(results: Results, row: RowInfo, figures: Figures) -> str:
    found = _of_row(results, row, figures)
    if not found:
        return ""
    present = {name for its in found.values() for name in its} - {row.headline}
    details = [(name, title) for name, title in _DETAILS if name in present]
    rivals = [peer.name for peer in results.peers if peer.is_rival]
    header = ["server", METRICS[row.headline], "lowest to highest", "rounds", "× better than Node"]
    header += ["× better than best rival", "× better than nchan"]
    titles = {peer.name: peer.title for peer in results.peers}
    lines = []
    for name, its in found.items():
        cells = [titles[name], *_headline_cells(its[row.headline], found, row.headline, rivals)]
        lines.append(cells + [number(its[key].median) if key in its else "" for key, _ in details])
    title = f"#### {row.title[0].upper()}{row.title[1:]}: {METRICS[row.headline]}"
    return f"{title}\n\n{_table([*header, *(title for _, title in details)], lines)}"


def _headline_cells(head: Spread, found: Found, figure: str, rivals: Sequence[str]) -> list[str]:
    """Return median, range, rounds, and the ratios to the better Node server, the best rival and nchan."""
    nodes = [name for name in found if name.startswith("node")]
    times = [_times(head.median, _best(found, figure, names)) for names in (nodes, rivals, ["nchan"])]
    return [number(head.median), f"{number(head.low)} to {number(head.high)}", str(head.rounds), *times]


def _best(found: Found, figure: str, names: Sequence[str]) -> float:
    """Return the best (lowest) median of these servers; 0.0 when none took part."""
    return min((_median(found, name, figure) for name in names if name in found), default=0.0)


def _median(found: Found, name: str, figure: str) -> float:
    return found[name][figure].median if figure in found.get(name, {}) else 0.0


def _times(value: float, against: float) -> str:
    times = ratio(value, against)
    return f"{times:.2f}" if times is not None else ""


def _left_out(results: Results) -> str:
    lines = [f"- {peer.title}: {peer.leaves_out}." for peer in results.peers]
    return "What each server does not do here:\n\n" + "\n".join(lines)
