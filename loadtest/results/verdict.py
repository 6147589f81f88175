"""End a run: judge it, print the summary, write the page, and choose the exit status.

Exit status 0: all targets held; 1: a target was missed, or a message is missing; 2: no request succeeded; 3: a load
generator was saturated, so that its figures do not count.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

from loadtest.results import page, rows, slo
from loadtest.results.collector import Collector
from loadtest.results.slo import Check, Slo

MOST_ERRORS = 10


class Status(IntEnum):
    """The exit status of a run."""

    HELD = 0
    MISSED = 1
    NOTHING = 2
    SATURATED = 3


def choose(found: Sequence[rows.Row], checks: Sequence[Check], missing: int, saturated: Sequence[str]) -> Status:
    """Return the exit status. Pure. A missing message always counts; a saturated process invalidates the rest."""
    if not any(row.requests > row.failures for row in found):
        return Status.NOTHING
    is_missed = not all(check.is_held for check in checks)
    if saturated and not missing:
        return Status.SATURATED
    return Status.MISSED if is_missed else Status.HELD


def sentence(status: Status, saturated: Sequence[str]) -> str:
    """Return the verdict as a sentence. Pure."""
    match status:
        case Status.HELD:
            return "all targets held"
        case Status.MISSED:
            return "targets missed"
        case Status.NOTHING:
            return "nothing was measured: no request succeeded"
        case Status.SATURATED:
            names = ", ".join(saturated)
            return f"the figures do not count: saturated load generators: {names}. Use more of them, or fewer users"


def finish(environment: Any, collector: Collector, targets: Slo) -> Status:
    """Print the summary, write the page if `--report` names one, and return the exit status."""
    found = rows.from_entries(environment.stats.entries.values())
    counts = collector.counts
    checks = slo.judge(targets, found, counts, collector.most_users)
    status = choose(found, checks, counts["missing"], collector.saturated)
    errors = _errors(environment)
    _print(found, counts, checks, errors)
    print(sentence(status, collector.saturated), flush=True)
    if path := environment.parsed_options.report:
        result = page.Result(
            title="Roomcast load test",
            verdict=sentence(status, collector.saturated),
            is_good=status is Status.HELD,
            facts=_facts(environment, collector),
            checks=checks,
            points=collector.points,
            rows=found,
            counts=counts,
            processes=collector.processes,
            errors=errors,
        )
        Path(path).write_text(page.render(result), encoding="utf-8")
        print(f"report: {path}", flush=True)
    return status


def _print(found: Sequence[rows.Row], counts: Any, checks: Sequence[Check], errors: Sequence[tuple[int, str]]) -> None:
    print("\n" + rows.table(found) + "\n")
    print("counts: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    for count, text in errors:
        print(f"error: {count} × {text}")
    for check in checks:
        print(f"{'held' if check.is_held else 'missed'}: {check.sentence}")


def _errors(environment: Any) -> list[tuple[int, str]]:
    found = sorted(environment.stats.errors.values(), key=lambda each: -int(each.occurrences))
    return [(int(each.occurrences), f"{each.method} {each.name}: {each.error}") for each in found[:MOST_ERRORS]]


def _facts(environment: Any, collector: Collector) -> dict[str, str]:
    seconds = collector.points[-1].at if collector.points else 0.0
    return {
        "host": str(environment.host),
        "scenario": ", ".join(sorted(each.__name__ for each in environment.user_classes)),
        "users": str(collector.most_users),
        "processes": str(len(collector.processes)),
        "seconds": f"{seconds:.0f}",
        "ended": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }
