"""The report of a benchmark run, its chart, and its place between the markers of a document."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import msgspec
import pytest

from loadtest.bench import chart, report
from loadtest.bench.results import PeerInfo, Results, RowInfo, Sample

PEERS = [
    PeerInfo("node", "Node <plain>", "no log", "Node", is_rival=True),
    PeerInfo("node-sharded", "Node sharded", "no log", "Node, sharded", is_rival=True),
    PeerInfo("rust", "Rust 1", "no log", "Rust", is_rival=True),
    PeerInfo("keeper", "Keeper 1", "no presence", "Keeper", is_rival=True, keeps_history=True),
    PeerInfo("nchan", "nchan", "no log"),
    PeerInfo("roomcast", "Roomcast", "nothing", keeps_history=True),
    PeerInfo("absent", "Absent", "everything", is_rival=True, keeps_history=True),
]
COSTS = {
    "node": (20.0, 22.0, 21.0),
    "node-sharded": (18.0, 16.0, 17.0),
    "rust": (6.0,),
    "keeper": (12.0,),
    "nchan": (8.0, 8.5, 9.0),
    "roomcast": (4.0,),
}
SAMPLES = [
    Sample(peer, "rooms-10", number, {"cpu_us": cost, "p99_ms": 12.0})
    for peer, costs in COSTS.items()
    for number, cost in enumerate(costs, start=1)
]
ROWS = [RowInfo("rooms-10", "100 rooms of 10", "cpu_us"), RowInfo("empty", "never ran", "cpu_us", "Other")]
RESULTS = Results({"cores": "2"}, PEERS, ROWS, SAMPLES)


def cells(text: str, start: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith(start)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_summary_compares_roomcast_with_the_best_server_of_each_group() -> None:
    [header, *_] = cells(report.markdown(RESULTS), "| workload |")
    [summary] = cells(report.markdown(RESULTS), "| 100 rooms of 10 |")
    assert header[2:8] == ["Node", "Node, sharded", "Rust", "Keeper", "nchan", "Roomcast"]
    assert summary[2:8] == ["21.0", "17.0", "6", "12.0", "8.5", "4"]
    assert dict(zip(header[8:], summary[8:], strict=True)) == {
        "Roomcast: times better than Node": "4.25",
        "Roomcast: times better than the best rival": "1.50 (Rust)",
        "Roomcast: times better than the best rival that keeps a history": "3.00 (Keeper)",
    }


def test_a_run_without_rivals_has_no_columns_for_rivals() -> None:
    alone = Results({}, PEERS[-2:-1], ROWS, SAMPLES)
    [header, *_] = cells(report.markdown(alone), "| workload |")
    assert header[2:] == ["Roomcast", "Roomcast: times better than Node"]


def test_a_row_table_shows_range_rounds_and_ratios() -> None:
    [nchan] = cells(report.markdown(RESULTS), "| nchan |")
    assert nchan[1:7] == ["8.5", "8 to 9", "3", "2.00", "0.71", "1.00"]


def test_a_server_without_figures_is_listed_below_the_table() -> None:
    text = report.markdown(RESULTS)
    assert cells(text, "| Absent |") == []
    assert "- Absent: everything." in text


def test_splice_replaces_only_the_text_between_the_markers() -> None:
    page = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    spliced = report.splice(page, "new")
    assert "old" not in spliced
    assert spliced.startswith("before\n")
    assert spliced.endswith("\nafter\n")
    assert report.splice(spliced, "new") == spliced
    with pytest.raises(ValueError, match="bench:begin"):
        report.splice("no markers", "new")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (-0.001, "0"), (0.04, "0.04"), (2.5, "2.5"), (12.34, "12.3"), (1234.5, "1,234")]
)
def test_numbers_are_shown_with_about_three_digits(value: float, text: str) -> None:
    assert report.number(value) == text


def test_the_chart_is_well_formed_and_has_a_bar_per_server() -> None:
    root = ElementTree.fromstring(chart.svg(RESULTS))
    names = {"s": "http://www.w3.org/2000/svg"}
    texts = [element.text for element in root.findall("s:text", names)]
    assert "Node <plain>" in texts
    assert "never ran" not in texts
    assert len(root.findall("s:line", names)) == len(COSTS)
    widths = [float(bar.get("width", 0)) for bar in root.findall("s:rect", names)[1:]]
    assert widths[0] / widths[-1] == pytest.approx(21 / 4, rel=0.01)


def test_results_are_written_to_json_and_read_back() -> None:
    assert msgspec.json.decode(msgspec.json.encode(RESULTS), type=Results) == RESULTS
