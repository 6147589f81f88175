"""The HTML page of a load test, and its plots."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from loadtest.results.collector import Point
from loadtest.results.page import Result, render
from loadtest.results.plots import line_chart, nice_ceiling
from loadtest.results.rows import Row
from loadtest.results.slo import Check

POINT = Point(1.0, 5, 20.0, 2.0, 0.0, 4.0, 9.0, 12.0, None, 0.3, 2.0)


@pytest.mark.parametrize(("value", "expected"), [(0, 1), (1, 1), (1.1, 2), (21, 25), (26, 50), (99, 100), (0.03, 0.05)])
def test_axes_end_at_a_round_number(value: float, expected: float) -> None:
    assert nice_ceiling(value) == pytest.approx(expected)


def test_a_chart_is_well_formed_xml_and_its_lines_stop_at_missing_data() -> None:
    chart = line_chart("A & B", "ms", {"p50": [(0, 1), (1, None), (2, 3), (3, 4)], "p95": []})
    root = ElementTree.fromstring(chart)
    first, second = root.findall("path")
    assert first.attrib["d"].count("M") == 2
    assert second.attrib["d"] == ""
    assert root.attrib["aria-label"] == "A & B, ms"


def test_the_page_is_self_contained_and_escapes_its_texts() -> None:
    result = Result(
        title="Load <test>",
        verdict="targets missed",
        is_good=False,
        facts={"host": "http://localhost"},
        checks=[Check(False, "p95 300 ms (at most 250 ms)")],
        points=[POINT, POINT._replace(at=2.0)],
        rows=[Row("ack", "message:send", 10, 0, 1, 1, 2, 3, 4)],
        counts={"acked": 1_234},
        processes={"w1": {"seconds": 9, "bad": 4, "cpu": 0.97, "late_ms": 80.0, "is_saturated": True}},
        errors=[(2, "ack x: <script>")],
    )
    page = render(result)
    assert "Load &lt;test&gt;" in page
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "src=" not in page
    assert "href=" not in page
    for words in ("targets missed", "p95 300 ms", "message:send", "1,234", "no, saturated"):
        assert words in page
    assert page.count("<svg") == 6
