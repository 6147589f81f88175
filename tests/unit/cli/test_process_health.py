"""The health of a process, judged by its metrics."""

from __future__ import annotations

import pytest

from roomcast.cli.process_health import check, judge, samples

GOOD = {
    "process_open_fds": 100.0,
    "process_max_fds": 65_536.0,
    "roomcast_gateway_ready": 1.0,
    "roomcast_gateway_hotpath_compiled": 1.0,
}


def test_samples_with_labels_are_left_out() -> None:
    text = '# HELP x y\nprocess_max_fds 65536.0\nroomcast_gateway_events_total{event="typing"} 3.0\n'
    assert samples(text) == {"process_max_fds": 65_536.0}


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({}, "ok", ""),
        ({"process_open_fds": 60_000.0}, "error", "raise nofile"),
        ({"process_max_fds": 1_024.0}, "warning", "16384 or more"),
        ({"roomcast_gateway_ready": 0.0}, "warning", "/readyz"),
        ({"roomcast_gateway_hotpath_compiled": 0.0}, "warning", "build it"),
        ({"process_max_fds": 0.0}, "error", "metrics port"),
    ],
)
def test_the_most_serious_fault_is_reported(change: dict[str, float], level: str, words: str) -> None:
    verdict = judge({**GOOD, **change})
    assert verdict.level == level
    assert words in verdict.advice


def test_a_process_that_is_not_a_gateway_needs_few_file_descriptors() -> None:
    assert judge({"process_open_fds": 20.0, "process_max_fds": 1_024.0}).level == "ok"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "redis://localhost"])
def test_an_address_without_metrics_is_an_error_with_advice(url: str) -> None:
    verdict = check(url)
    assert verdict.level == "error"
    assert verdict.advice
