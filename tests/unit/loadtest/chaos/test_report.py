"""The report of chaos experiments: outcome, exit status, summary, and the table in docs/reliability.md."""

from __future__ import annotations

import pytest

from loadtest.chaos import report
from loadtest.chaos.catalogue import FAULTS, LEVELS, find
from loadtest.chaos.checker import Verdict
from loadtest.chaos.experiment import Plan, Result
from loadtest.chaos.figures import Figure


def result(*, lost: int = 0, figure: float = 1.0, ran: bool = True) -> Result:
    made = Result("kill-x", "kill x", Plan(seed=5))
    if not ran:
        made.not_run = "there is no x"
        return made
    made.verdict = Verdict(may_declare=False, attempted=9, acked=9)
    made.verdict.counts["lost"] = lost
    made.figures = [Figure("back", figure, 5.0, "s")]
    return made


@pytest.mark.parametrize(
    ("made", "outcome", "status"),
    [
        (result(), "passed", 0),
        (result(lost=1), "FAILED", 1),
        (result(figure=6.0), "FAILED", 1),
        (result(ran=False), "not run", 2),
    ],
)
def test_the_outcome_and_the_exit_status_of_a_run(made: Result, outcome: str, status: int) -> None:
    assert report.outcome(made) == outcome
    assert report.exit_status([made]) == status


def test_the_exit_status_is_one_after_a_failure_and_ignores_experiments_that_did_not_run() -> None:
    assert report.exit_status([result(), result(lost=1)]) == 1
    assert report.exit_status([result(), result(ran=False)]) == 0


def test_the_summary_lists_missed_limits_and_reasons_for_not_running() -> None:
    text = report.summary([result(lost=2), result(ran=False)])
    assert "missed: kill-x (everysec, seed 5): lost: 2" in text
    assert "not run: kill-x: there is no x" in text


def test_all_lines_of_the_table_have_the_same_number_of_cells() -> None:
    lines = [line for line in report.markdown([result(), result(ran=False)]).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1


def test_runs_of_one_experiment_share_a_line_with_sums_and_worst_figures() -> None:
    runs = [result(figure=2.0), result(lost=1, figure=6.0), result(figure=3.0)]
    [line] = [line for line in report.markdown(runs).splitlines() if "kill-x" in line]
    assert "| 2 of 3 |" in line
    assert "| 27 |" in line
    assert "back 6 s (≤ 5) MISSED" in line
    assert line.count("back") == 1


def test_the_worst_figure_with_a_lower_limit_is_the_smallest() -> None:
    runs = [result(), result()]
    runs[0].figures = [Figure("kept", 99.0, 90.0, "%", at_least=True)]
    runs[1].figures = [Figure("kept", 95.0, 90.0, "%", at_least=True)]
    assert report.worst(runs)[0].value == 95.0


def test_splice_keeps_the_text_outside_the_markers() -> None:
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.splice(document, "new") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    with pytest.raises(ValueError, match="no <!--"):
        report.splice("nothing", "new")


def test_the_document_has_the_markers_of_the_table() -> None:
    text = report.DOCUMENT.read_text()
    assert report.splice(text, "x") != text


def test_experiments_have_unique_names() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert find("kill-gateway").may_declare is False


def test_every_durability_level_has_an_experiment() -> None:
    assert {level for fault in FAULTS for level in fault.levels} == set(LEVELS)
