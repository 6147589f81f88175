"""Write results: a block of text per run, a summary, and the table in docs/reliability.md."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loadtest.chaos.checker import KINDS, Verdict
from loadtest.chaos.experiment import Result
from loadtest.chaos.figures import Figure

BEGIN: Final = "<!-- chaos:begin -->"
END: Final = "<!-- chaos:end -->"
DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
_SHOWN: Final = 5


def outcome(result: Result) -> str:
    if result.not_run:
        return "not run"
    return "passed" if result.passed else "FAILED"


def as_text(result: Result) -> str:
    """Return the report of one run as indented lines."""
    lines = [f"   {outcome(result)} in {result.seconds:.0f} s"]
    if result.verdict is None:
        return f"{lines[0]}: {result.not_run or result.broke}"
    lines.append(f"   {counts(result.verdict)}")
    for node, found in sorted(result.verdict.per_node.items()):
        lines.append(f"   gateway {node}: " + ", ".join(f"{kind} {found[kind]}" for kind in KINDS if found[kind]))
    lines += [f"   {figure}" for figure in result.figures]
    lines += [f"   {note}" for note in result.notes]
    undeclared = [example for example in result.verdict.examples if example.kind != "declared"]
    lines += [f"   ! {one.kind}: {one.reader} in {one.room}: {one.message} {one.detail}" for one in undeclared[:_SHOWN]]
    return "\n".join(lines)


def counts(verdict: Verdict) -> str:
    head = f"attempted {verdict.attempted}, acked {verdict.acked}, unknown {verdict.unknown}"
    return f"{head}, deliveries {verdict.deliveries}; " + ", ".join(f"{kind} {verdict.counts[kind]}" for kind in KINDS)


def summary(results: Sequence[Result]) -> str:
    lines = [f"{outcome(result):8} {_name(result)}" for result in results]
    for result in results:
        lines += [f"missed: {_name(result)}: {sentence}" for sentence in result.failures]
        if result.not_run:
            lines.append(f"not run: {result.fault}: {result.not_run}")
    return "\n".join(lines)


def _name(result: Result) -> str:
    return f"{result.fault} ({result.plan.level}, seed {result.plan.seed})"


def exit_status(results: Sequence[Result]) -> int:
    if any(result.failures for result in results):
        return 1
    return 0 if any(result.passed for result in results) else 2


def markdown(results: Sequence[Result]) -> str:
    """Return the table of docs/reliability.md: a line per experiment and level, with sums of counts, worst figures."""
    plan = results[0].plan
    machine = f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    seeds = ", ".join(str(seed) for seed in sorted({result.plan.seed for result in results}))
    head = (
        f"Run on {today} ({machine}) with the seeds {seeds}: three gateways behind nginx, {plan.size.clients:,} "
        f"clients in rooms of about 20, {plan.size.rate:g} messages a second, {plan.span.before:g} s of load before "
        f"and after each fault; lasting faults are held for {plan.span.held:g} s unless the title names another time. "
        f"Counts are sums over all seeds; each figure is the worst of all seeds."
    )
    kinds = " | ".join(KINDS)
    table = [
        f"| fault | level | passed | seconds | acked | deliveries | {kinds} | figures |",
        "| --- " * (7 + len(KINDS)) + "|",
    ]
    return "\n".join([head, "", *table, *(_line(runs) for runs in _by_experiment(results))])


def _by_experiment(results: Sequence[Result]) -> list[list[Result]]:
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        found.setdefault((result.fault, result.plan.level), []).append(result)
    return list(found.values())


def _line(runs: Sequence[Result]) -> str:
    one = runs[0]
    passed = sum(run.passed for run in runs)
    first = f"| {one.title} (`{one.fault}`) | {one.plan.level} | {passed} of {len(runs)}"
    judged = [run.verdict for run in runs if run.verdict is not None]
    cells = [f"{sum(run.seconds for run in runs) / len(runs):.0f}"]
    cells += [f"{sum(verdict.acked for verdict in judged):,}", f"{sum(verdict.deliveries for verdict in judged):,}"]
    cells += [str(sum(verdict.counts[kind] for verdict in judged)) for kind in KINDS]
    said = [str(figure) for figure in worst(runs)]
    said += [(run.not_run or run.broke).replace("|", "/") for run in runs if run.verdict is None]
    return f"{first} | {' | '.join(cells)} | {'; '.join(said)} |"


def worst(runs: Sequence[Result]) -> list[Figure]:
    """Return the worst value of each figure over several runs, relative to its limit."""
    found: dict[str, Figure] = {}
    for figure in (figure for run in runs for figure in run.figures):
        found[figure.name] = max(found.get(figure.name, figure), figure, key=lambda one: one.badness)
    return list(found.values())


def splice(document: str, generated: str) -> str:
    """Replace the text between the markers of `document`. Raise ValueError without markers."""
    head, begin, rest = document.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} … {END} in the document")
    return f"{head}{BEGIN}\n\n{generated.strip()}\n\n{END}{tail}"


def write(results: Sequence[Result]) -> None:
    DOCUMENT.write_text(splice(DOCUMENT.read_text(), markdown(results)))
