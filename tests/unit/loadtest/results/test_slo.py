"""The targets of a load test (SLO) are read from a file. The verdict on a run compares its figures with the targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.results.rows import Row
from loadtest.results.slo import Slo, judge, parse
from loadtest.results.verdict import Status, choose, sentence

SENDS = Row("ack", "message:send", 100, 0, 10.0, 4, 5, 6, 7)
DELIVERIES = Row("delivery", "message", 1_000, 0, 100.0, 10, 40, 60, 90)
ROWS = [SENDS, DELIVERIES]


def missed(slo: Slo, rows: list[Row] = ROWS, counts: dict[str, int] = {}, users: int = 20) -> list[str]:  # noqa: B006
    return [check.sentence for check in judge(slo, rows, counts, users) if not check.is_held]


def test_without_a_file_a_good_run_meets_all_targets() -> None:
    assert missed(Slo()) == []


def test_the_file_in_the_repository_is_valid() -> None:
    slo = parse(Path("loadtest/slo.toml").read_text())
    assert missed(slo) == []
    assert slo.rows["delivery message"] == {"p95_ms": 250.0, "p99_ms": 500.0}


@pytest.mark.parametrize(
    ("text", "counts", "words"),
    [
        ('["delivery message"]\np95_ms = 9', {}, "delivery message p95 40 ms (at most 9 ms)"),
        ('["ack message:send"]\nmax_ms = 1', {}, "ack message:send max 7 ms"),
        ("sends_per_user = 1", {}, "acked sends 10.0/s (at least 20.0/s)"),
        ("", {"missing": 2}, "messages missing 2"),
        ('["storage POST"]\np50_ms = 9', {}, "storage POST: no requests"),
    ],
)
def test_each_target_can_be_missed(text: str, counts: dict[str, int], words: str) -> None:
    [found] = missed(parse(text), counts=counts)
    assert words in found


def test_a_scenario_without_sends_meets_the_default_targets() -> None:
    assert missed(Slo(), [Row("connect", "websocket", 10, 0, 1, 1, 1, 1, 1)]) == []


def test_failures_count_against_the_error_ratio() -> None:
    assert ["error ratio 0.0100" in each for each in missed(Slo(), [SENDS._replace(failures=1), DELIVERIES])] == [True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("errors = 1", "unknown target 'errors'"),
        ('["ack message:send"]\np90_ms = 1', "unknown figure 'p90_ms'"),
        ('missing = "none"', "missing must be a number"),
        ("missing = ", "not valid TOML"),
    ],
)
def test_a_bad_file_is_refused_with_one_line(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as error:
        parse(text)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("rows", "slo", "missing", "saturated", "status"),
    [
        (ROWS, Slo(), 0, [], Status.HELD),
        (ROWS, parse('["ack message:send"]\nmax_ms = 1'), 0, [], Status.MISSED),
        ([], Slo(), 0, [], Status.NOTHING),
        ([SENDS._replace(failures=100)], Slo(), 0, [], Status.NOTHING),
        (ROWS, Slo(), 0, ["worker-1"], Status.SATURATED),
        (ROWS, parse('["ack message:send"]\nmax_ms = 1'), 0, ["worker-1"], Status.SATURATED),
        (ROWS, Slo(), 1, ["worker-1"], Status.MISSED),
    ],
)
def test_the_status_of_a_run_depends_on_targets_losses_and_saturation(
    rows: list[Row], slo: Slo, missing: int, saturated: list[str], status: Status
) -> None:
    checks = judge(slo, rows, {"missing": missing}, users=20)
    assert choose(rows, checks, missing, saturated) is status
    assert sentence(status, saturated)
