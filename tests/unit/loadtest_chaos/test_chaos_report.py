"""What a run says: per row, in sum, in the document, and by its exit status."""

from __future__ import annotations

import pytest

from loadtest.chaos import report
from loadtest.chaos.catalogue import FAULTS, find
from loadtest.chaos.checker import Verdict
from loadtest.chaos.figures import Figure
from loadtest.chaos.trial import Plan, Result


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
def test_outcome_and_exit_status(made: Result, outcome: str, status: int) -> None:
    assert report.outcome(made) == outcome
    assert report.exit_status([made]) == status


def test_one_failure_fails_the_run_and_what_was_not_run_does_not_pass() -> None:
    assert report.exit_status([result(), result(lost=1)]) == 1
    assert report.exit_status([result(), result(ran=False)]) == 0


def test_the_summary_says_what_was_missed_and_why_not_run() -> None:
    text = report.summary([result(lost=2), result(ran=False)])
    assert "missed: kill-x (seed 5): lost: 2" in text
    assert "not run: kill-x: there is no x" in text


def test_every_line_of_the_table_has_as_many_cells() -> None:
    lines = [line for line in report.markdown([result(), result(ran=False)]).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1


def test_the_document_keeps_what_is_outside_the_markers() -> None:
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n"
    assert report.splice(document, "new") == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    with pytest.raises(ValueError, match="no <!--"):
        report.splice("nothing", "new")


def test_the_document_has_its_markers() -> None:
    text = report.DOCUMENT.read_text()
    assert report.splice(text, "x") != text


def test_rows_have_names_of_their_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert find("kill-gateway").may_declare is False
