"""`python -m loadtest.load`: put a chat's load on a running cluster and judge it by targets.

Exit status 0: all targets held; 1: one was missed; 2: there was nothing to measure (no cluster, wrong options).
Options that are not listed go to locust as they are (`--html out.html`, `--processes 2`).
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from loadtest import targets

ROOT = Path(__file__).resolve().parent.parent
RAMP_SECONDS = 10
GRACE_SECONDS = 60
MOST_ERRORS = 10
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def main() -> int:
    options, passed_on = _parser().parse_known_args()
    problem = _unreachable(options.url)
    if problem:
        print(f"load: {problem}; start a cluster with `make run`, or name one with --url", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "statistics"
        status = _locust(options, passed_on, report)
        written = report.with_suffix(".json")
        if not written.exists():
            print(f"load: locust ended with status {status} and left no statistics", file=sys.stderr)
            return 2
        found = targets.lines(json.loads(written.read_text()))
        errors = _errors(Path(f"{options.csv or report}_failures.csv"))
    return _judge(found, errors, options)


def _judge(found: list[targets.Line], errors: list[str], options: argparse.Namespace) -> int:
    aims = targets.Targets(options.p95_delivery, options.p95_ack, options.error_ratio, options.sends_per_user)
    print("\n" + targets.table(found))
    print(f"\nerror ratio {targets.error_ratio(found):.4f}")
    for sentence in errors:
        print(f"error: {sentence}")
    missed = targets.missed(found, aims, options.users)
    for sentence in missed:
        print(f"missed: {sentence}")
    print("targets missed" if missed else "all targets held")
    return 1 if missed else 0


def _parser() -> argparse.ArgumentParser:
    defaults = targets.Targets()
    parser = argparse.ArgumentParser(prog="python -m loadtest.load", description=__doc__, allow_abbrev=False)
    parser.add_argument("-u", "--users", type=int, default=200, help="people at once (default 200)")
    parser.add_argument("-t", "--time", type=_seconds, default=30, help="time under full load: 30s, 5m (default 30s)")
    parser.add_argument("-r", "--spawn-rate", type=float, help=f"people a second (default: all in {RAMP_SECONDS} s)")
    parser.add_argument("--url", default="http://localhost:8080", help="the cluster (default http://localhost:8080)")
    parser.add_argument("--csv", help="prefix of the CSV files that locust then leaves")
    parser.add_argument("--headless", action="store_true", default=True, help="no web interface (the default)")
    parser.add_argument("--web", dest="headless", action="store_false", help="locust's web interface instead")
    parser.add_argument("--p95-delivery", type=float, default=defaults.p95_delivery_ms, metavar="MS")
    parser.add_argument("--p95-ack", type=float, default=defaults.p95_ack_ms, metavar="MS")
    parser.add_argument("--error-ratio", type=float, default=defaults.error_ratio, metavar="SHARE")
    parser.add_argument("--sends-per-user", type=float, default=defaults.sends_per_user, metavar="PER_SECOND")
    return parser


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([smh]?)", text)
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 30s or 5m")
    return int(found[1]) * _UNITS[found[2]]


def _unreachable(url: str) -> str | None:
    """Return why nothing can be measured at `url`, or None."""
    if not url.startswith(("http://", "https://")):
        return f"{url!r} is no http(s) address"
    try:
        with urllib.request.urlopen(url, timeout=5):
            return None
    except urllib.error.HTTPError as error:
        return f"{url} answers HTTP {error.code}" if error.code >= 500 else None
    except OSError as error:
        return f"nothing answers at {url} ({getattr(error, 'reason', error)})"


def _errors(path: Path) -> list[str]:
    """Return locust's failures, most frequent first, one sentence per kind."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: -int(row["Occurrences"]))
    return [f"{row['Occurrences']} × {row['Method']} {row['Name']}: {row['Error']}" for row in rows[:MOST_ERRORS]]


def _locust(options: argparse.Namespace, passed_on: list[str], report: Path) -> int:
    rate = options.spawn_rate or max(1.0, options.users / RAMP_SECONDS)
    seconds = options.time + int(options.users / rate)
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest" / "locustfile.py"), "--host", options.url]
    command += ["-u", str(options.users), "-r", f"{rate:g}", "-t", f"{seconds}s", "--stop-timeout", "5"]
    command += ["--json-file", str(report), "--exit-code-on-error", "0", "--reset-stats"]
    command += ["--csv", options.csv or str(report)]
    command += ["--headless", "--only-summary"] if options.headless else ["--autostart"]
    limit = seconds + GRACE_SECONDS if options.headless else None
    try:
        return subprocess.run([*command, *passed_on], cwd=ROOT, timeout=limit, check=False).returncode
    except subprocess.TimeoutExpired:
        return -1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
