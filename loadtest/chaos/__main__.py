"""`python -m loadtest.chaos`: inject faults under load, and account for every message.

Exit status 0: every experiment that ran passed; 1: at least one failed; 2: no experiment could be run.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence

from loadtest.chaos import report
from loadtest.chaos.catalogue import FAULTS, LEVELS, Fault, find
from loadtest.chaos.crowd import Size
from loadtest.chaos.experiment import Plan, Result, run_alone
from loadtest.chaos.fault_tools import Span


def main() -> int:
    options = _parser().parse_args()
    if options.list:
        for fault in FAULTS:
            print(f"{fault.name:24} {', '.join(fault.levels):18} {fault.title}")
        return 0
    try:
        faults = FAULTS if options.fault == "all" else tuple(find(name) for name in options.fault.split(","))
    except KeyError as error:
        print(f"chaos: no fault named {error.args[0]!r}; --list shows them", file=sys.stderr)
        return 2
    seed = options.seed if options.seed is not None else random.randrange(1, 100_000)
    results: list[Result] = []
    for plan, fault in _plans(options, faults, seed):
        results.append(_run(fault, plan))
        if options.fault == "all" or options.write:
            report.write(results)  # after every experiment, so that an interrupted command leaves the results so far
    print("\n" + report.summary(results))
    return report.exit_status(results)


def _run(fault: Fault, plan: Plan) -> Result:
    print(f"\n== {fault.name}: {fault.title} (seed {plan.seed}, {plan.level})", flush=True)
    result = run_alone(fault, plan, lambda line: print(f"   {line}", flush=True))
    print(report.as_text(result), flush=True)
    return result


def _plans(options: argparse.Namespace, faults: Sequence[Fault], seed: int) -> Iterator[tuple[Plan, Fault]]:
    """Yield each fault with a plan per seed and level: the level of --durability, or each of the fault's `levels`."""
    size = Size(options.clients, options.rate)
    span = Span(before=options.seconds, held=options.held, after=options.seconds)
    for step in range(options.seeds):
        for fault in faults:
            for level in (options.durability,) if options.durability else fault.levels:
                yield Plan(size, span, seed + step, level), fault


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.chaos", description=__doc__, allow_abbrev=False)
    parser.add_argument("--fault", default="all", help="one experiment, several joined by commas, or all (default)")
    parser.add_argument("--list", action="store_true", help="list the experiments and exit")
    parser.add_argument("--clients", type=int, default=1000, help="connected clients (default 1000)")
    parser.add_argument(
        "--rate", type=float, default=200.0, help="messages per second of all clients together (default 200)"
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="seconds of load before and after the fault (default 10)"
    )
    parser.add_argument("--held", type=float, default=10.0, help="seconds until a lasting fault is ended (default 10)")
    parser.add_argument(
        "--seed", type=int, help="seed of all random choices (default: a random seed, which is printed)"
    )
    parser.add_argument("--seeds", type=int, default=1, help="number of runs, each with a different seed (default 1)")
    parser.add_argument(
        "--durability",
        choices=LEVELS,
        help="durability level of all experiments (default: the levels of each experiment)",
    )
    parser.add_argument("--write", action="store_true", help="also write docs/reliability.md after single experiments")
    return parser


if __name__ == "__main__":
    sys.exit(main())
