"""Run Prometheus on the local cluster: `python -m deploy.observability.observe` (`make observe`).

Prometheus scrapes the gateways, sweepers, signers and API processes that run when it starts, and evaluates the alerts.
Its own page shows graphs and alerts. To see the dashboards beside this file, import them into a Grafana with this
Prometheus as its data source. If Prometheus is not installed, `deploy.tools` unpacks the distribution's package.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

from deploy import run, tools
from deploy.control import Control, NotRunning
from deploy.layout import HOST, MACHINE_STATE
from deploy.processes import Kind
from deploy.tools import MissingTool

ALERTS: Final = Path(__file__).with_name("alerts.yaml")
JOBS: Final[Mapping[Kind, str]] = {"gateway": "gateway", "sweeper": "presence", "signer": "media", "api": "api"}
_PORT: Final = 9090
_RETENTION: Final = "1d"


def configuration(targets: Mapping[str, list[str]], scrape_seconds: int = 5) -> str:
    """Return Prometheus's configuration, with the alerts. `targets`: job -> the addresses to scrape."""
    jobs = [{"job_name": job, "static_configs": [{"targets": found}]} for job, found in targets.items()]
    interval = f"{scrape_seconds}s"
    document = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [str(ALERTS)],
        "scrape_configs": jobs,
    }
    return yaml.safe_dump(document, sort_keys=False)


def targets_of(cluster: Control) -> dict[str, list[str]]:
    """Return the metrics addresses of the gateways, sweepers, signers and API processes that run now, by job."""
    targets: dict[str, list[str]] = {}
    for row in cluster.rows():
        if (job := JOBS.get(row.process.kind)) is not None:
            targets.setdefault(job, []).append(f"{HOST}:{row.process.ready.port}")
    return targets


def command(folder: Path, port: int) -> list[str]:
    """Return the command of a Prometheus with its configuration and data in `folder`."""
    return [
        str(tools.require("prometheus", say=run.say)),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={_RETENTION}",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
    ]


def main() -> None:
    """Run Prometheus in the foreground until Ctrl-C.

    Exit with one line of text if no cluster runs, or if Prometheus is missing and cannot be fetched.
    """
    parser = argparse.ArgumentParser(description="Run Prometheus on the local cluster.")
    parser.add_argument("--port", type=int, default=_PORT)
    parser.add_argument("--state", type=Path, default=MACHINE_STATE)
    options = parser.parse_args()
    folder = options.state.resolve() / "observe"
    try:
        targets = targets_of(Control(options.state.resolve()))
        arguments = command(folder, options.port)
    except (NotRunning, MissingTool) as error:
        run.fail(error)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(configuration(targets))
    run.say(f"Prometheus runs on http://{HOST}:{options.port}; Ctrl-C stops it")
    sys.stdout.flush()
    os.execv(arguments[0], arguments)


if __name__ == "__main__":
    main()
