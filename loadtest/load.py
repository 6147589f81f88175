"""`python -m loadtest.load`: put a chat's load on the running cluster, and judge the result (`make load`).

The command finds the cluster of this checkout, signs tokens with its secret, and runs locust with our locustfile. It
passes other options to locust unchanged (`--html out.html`, `--processes 2`, `LargeRoom`).

Exit status 0: all targets were met; 1: a target was missed; 2: no measurement (no cluster, wrong options, locust did
not end); 3: the load generator was saturated, so that its figures do not count.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
RAMP_SECONDS: Final = 10
GRACE_SECONDS: Final = 90
NOTHING: Final = 2
_SECRET: Final = "ROOMCAST_JWT_SECRET"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def main() -> int:
    options, passed_on = _parser().parse_known_args()
    url, secret = (options.url, "") if options.url else _find_cluster(options.state)
    problem = _unreachable(url) if url else "this checkout has no running cluster"
    if problem:
        print(f"load: {problem}; start a cluster with `make run`, or name one with --url", file=sys.stderr)
        return NOTHING
    if secret:
        os.environ.setdefault(_SECRET, secret)  # noqa: TID251 (locust inherits it; a command line would show it)
    return _locust(command(options, url, passed_on), _time_limit(options))


def command(options: argparse.Namespace, url: str, passed_on: Sequence[str]) -> list[str]:
    """Return locust's command line. Pure."""
    rate = options.spawn_rate or max(1.0, options.users / RAMP_SECONDS)
    seconds = options.time + int(options.users / rate)
    words = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtest" / "locustfile.py"), "--host", url]
    words += ["-u", str(options.users), "-r", f"{rate:g}", "-t", f"{seconds}s", "--stop-timeout", "5"]
    words += ["--reset-stats", "--report", options.report]
    words += ["--headless", "--only-summary"] if options.headless else ["--autostart"]
    return [*words, *passed_on]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m loadtest.load", description=__doc__, allow_abbrev=False)
    parser.add_argument("-u", "--users", type=_count, default=200, help="concurrent users (default 200)")
    parser.add_argument("-t", "--time", type=_seconds, default=30, help="time under full load: 30s, 5m (default 30s)")
    parser.add_argument(
        "-r", "--spawn-rate", type=float, help=f"users that start per second (default: all within {RAMP_SECONDS} s)"
    )
    parser.add_argument("--url", help="URL of another deployment (default: this checkout's cluster)")
    parser.add_argument("--state", type=Path, default=ROOT / ".state", help="the cluster's folder (default: .state)")
    parser.add_argument("--report", default="load-test.html", help="HTML file to write (default load-test.html)")
    parser.add_argument("--headless", action="store_true", default=True, help="use no web interface (default)")
    parser.add_argument("--web", dest="headless", action="store_false", help="use locust's web interface")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of users, 1 or more")
    return int(text)


def _seconds(text: str) -> int:
    found = re.fullmatch(r"(\d+)([smh]?)", text)
    if found is None or int(found[1]) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 30s or 5m")
    return int(found[1]) * _UNITS[found[2]]


def _find_cluster(state: Path) -> tuple[str, str]:
    """Return the URL and the token secret of the cluster that runs in the folder `state`; empty texts if none runs."""
    from deploy.control import Control, NotRunning  # --url must work without a cluster's packages

    try:
        cluster = Control(state)
    except NotRunning:
        return "", ""
    return f"http://localhost:{cluster.ports.page}", cluster.credentials.jwt_secret


def _unreachable(url: str) -> str | None:
    """Return the reason why `url` cannot be measured, or None."""
    if not url.startswith(("http://", "https://")):
        return f"{url!r} is not an http(s) address"
    try:
        with urllib.request.urlopen(url, timeout=5):
            return None
    except urllib.error.HTTPError as error:
        return f"{url} answers HTTP {error.code}" if error.code >= 500 else None
    except OSError as error:
        return f"nothing answers at {url} ({getattr(error, 'reason', error)})"


def _time_limit(options: argparse.Namespace) -> float | None:
    rate = options.spawn_rate or max(1.0, options.users / RAMP_SECONDS)
    return options.time + options.users / rate + GRACE_SECONDS if options.headless else None


def _locust(words: Sequence[str], seconds: float | None) -> int:
    try:
        return subprocess.run(words, timeout=seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"load: locust did not end within {seconds:.0f} s", file=sys.stderr)
        return NOTHING
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
