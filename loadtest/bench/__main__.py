"""`python -m loadtest.bench`: measure the chosen rows on the chosen servers, in several rounds.

The command installs the servers in the output folder at their first use, prints progress and then the report, and
writes `results.json`, `results.md` and `results.svg` there. With `--update-docs` it also writes docs/performance.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

import msgspec

from loadtest.bench import chart, report
from loadtest.bench.measure import Span
from loadtest.bench.processes import BenchError
from loadtest.bench.results import PeerInfo, Results, Sample
from loadtest.bench.rows import Row, select
from loadtest.peers.catalog import DEFAULT_PEERS, all_peers
from loadtest.peers.interface import Peer

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_SECONDS: Final = 1200.0
"""Time budget of the default rows in seconds. On a slow machine they get fewer rounds."""


def main() -> int:
    options = _arguments()
    signal.signal(signal.SIGTERM, _leave)
    try:
        rows = select(options.rows)
        peers = _peers(options.peers or (list(all_peers()) if options.rows == "all" else list(DEFAULT_PEERS)))
    except ValueError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    samples: list[Sample] = []
    stopped = False
    try:
        samples.extend(_install_and_measure(rows, peers, options))  # an interruption keeps the samples so far
    except KeyboardInterrupt:
        print("bench: stopped; the report has the measurements so far", file=sys.stderr)
        stopped = True
    _publish(_results(rows, peers, samples), options.out, options.update_docs and not stopped)
    return 130 if stopped else int(not samples)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.bench", description=__doc__)
    parser.add_argument("--rows", default="default", help="small, default, all, or names of rows joined by commas")
    parser.add_argument(
        "--peers", type=lambda text: text.split(","), help=f"servers, joined by commas: {', '.join(all_peers())}"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each row (default 3; some rows run once)")
    parser.add_argument(
        "--minutes",
        type=float,
        help="time limit: skip a round that would exceed it (default: 20 with the default rows, else no limit)",
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="measured seconds of a delivery row (default 4)")
    parser.add_argument("--warm", type=float, default=1.5, help="seconds of load before the measurement (default 1.5)")
    parser.add_argument(
        "--until",
        choices=("members", "publisher"),
        default="members",
        help="send the next message when all members, or only the publisher, have received the last one",
    )
    parser.add_argument(
        "--out", type=Path, default=ROOT / ".state" / "bench", help="folder for servers, logs and results"
    )
    parser.add_argument("--update-docs", action="store_true", help="write the tables and the chart into docs/")
    return parser.parse_args()


def _leave(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _peers(names: list[str]) -> list[Peer]:
    known = all_peers()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"unknown server {unknown[0]}; servers: {', '.join(known)}")
    return [known[name] for name in names]


def _install_and_measure(rows: tuple[Row, ...], peers: list[Peer], options: argparse.Namespace) -> Iterator[Sample]:
    folder: Path = options.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    peers = [peer for peer in peers if _installed(peer, folder)]
    plan = [
        (number, row, peer)
        for number in range(1, options.rounds + 1)
        for row in rows
        if number == 1 or not row.once
        for peer in peers
        if not row.peers or peer.name in row.peers
    ]
    span = Span(options.warm, options.seconds, options.until)
    seconds = _budget_seconds(options)
    started = time.monotonic()
    for done, (number, row, peer) in enumerate(plan):
        if done and number > plan[done - 1][0] and not fits(time.monotonic() - started, number - 1, seconds):
            _say(f"round {number} would not end within {seconds / 60:g} minutes: left out")
            return
        left = f", about {(time.monotonic() - started) / done * (len(plan) - done):.0f} s left" if done else ""
        _say(f"[{done + 1}/{len(plan)}] round {number}: {row.name}, {peer.name}{left}")
        yield from _measure(row, peer, number, folder, span)


def _budget_seconds(options: argparse.Namespace) -> float:
    if options.minutes is not None:
        return float(options.minutes * 60)
    return DEFAULT_SECONDS if options.rows == "default" else inf


def fits(elapsed_seconds: float, rounds: int, budget_seconds: float) -> bool:
    """Return whether another round of the same length ends within the budget."""
    return elapsed_seconds * (rounds + 1) / rounds <= budget_seconds


def _installed(peer: Peer, folder: Path) -> bool:
    """Install a kind of server; return False when that fails. The report then leaves this kind out."""
    _say(f"setting up {peer.title}")
    try:
        peer.install(folder)
    except BenchError as error:
        _say(f"    left out: {error}")
        return False
    return True


def _measure(row: Row, peer: Peer, number: int, folder: Path, span: Span) -> list[Sample]:
    """Return the samples of one row on one server; [] when the measurement failed. The report then has a gap."""
    try:
        figures = row.measure(peer, folder / "run" / f"{row.name}-{peer.name}", span)
    except (BenchError, OSError, ValueError) as error:
        _say(f"    {peer.name} failed: {error}")
        return []
    _say("    " + ", ".join(f"{name} {report.number(value)}" for name, value in figures.items()))
    return [Sample(peer.name, row.name, number, figures)]


def _results(rows: tuple[Row, ...], peers: list[Peer], samples: list[Sample]) -> Results:
    infos = [
        PeerInfo(peer.name, peer.title, peer.leaves_out, peer.label, peer.is_rival, peer.keeps_history)
        for peer in peers
    ]
    return Results(_machine(), infos, [info for row in rows for info in row.infos], samples)


def _machine() -> dict[str, str]:
    """Describe the machine, because the figures depend on it."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {"Linux": platform.release(), "cores": str(os.cpu_count()), "Python": platform.python_version(), "": when}


def _publish(results: Results, folder: Path, update_docs: bool) -> None:
    text = report.markdown(results)
    (folder / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results)))
    (folder / "results.md").write_text(text)
    (folder / "results.svg").write_text(chart.svg(results))
    if update_docs:
        page = ROOT / "docs" / "performance.md"
        page.write_text(report.splice(page.read_text(), "![The figures as bars](performance.svg)\n\n" + text))
        (ROOT / "docs" / "performance.svg").write_text(chart.svg(results))
    print("\n" + text)
    print(f"JSON, Markdown and chart: {folder}/results.json, .md, .svg")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
