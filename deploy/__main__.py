"""Run `python -m deploy COMMAND`, which the Makefile's targets call; `--help` lists the commands."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from deploy import bootstrap, browser, compose, control, hotpath, logs, run, tools, web_build
from deploy.control import Control
from deploy.layout import GATEWAY_CAPACITY, MACHINE_STATE, ROOT, Counts
from deploy.prepare import CannotStart
from deploy.release import dist, docs_site, versions
from deploy.s3.server import SetupError
from deploy.supervisor import StartFailed
from deploy.tools import MissingTool

_EXPECTED = (CannotStart, MissingTool, SetupError, StartFailed, control.NotRunning, control.Refused, ValueError)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy", description="Run and control a cluster on this machine.")
    parser.add_argument("--state", type=Path, default=MACHINE_STATE, help="the cluster's folder (default: .state)")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("run", help="start a cluster and stay until Ctrl-C")
    start.add_argument("--port", type=int, default=8080, help="port of the page; the other ports are derived from it")
    start.add_argument("--gateways", type=int, default=2)
    start.add_argument("--capacity", type=int, help=f"largest number of gateways (default {GATEWAY_CAPACITY})")
    start.add_argument("--sweepers", type=int, default=1)
    start.add_argument("--signers", type=int, default=1)
    start.add_argument("--apis", type=int, default=1)
    start.add_argument("--page", type=Path, help="folder of a built page (default: build web/)")
    scale = commands.add_parser("scale", help="add or remove processes of the running cluster")
    scale.add_argument("count", type=int)
    scale.add_argument("--kind", choices=("gateway", "sweeper", "signer", "api"), default="gateway")
    commands.add_parser("roll", help="restart all gateways, one after the other")
    setup = commands.add_parser("setup", help="fetch and build what a cluster needs; do not start it")
    setup.add_argument("--browser", action="store_true", help="also fetch what the tests need")
    commands.add_parser("compile", help="build the gateways' hot path, if its source has changed")
    commands.add_parser("web-check", help="check the types and run the unit tests of the page")
    commands.add_parser("dist", help="build the Python packages and the npm packages into dist/")
    commands.add_parser("docs", help="build the documentation site into site/")
    commands.add_parser("version", help="write the version in VERSION into every manifest")
    commands.add_parser("compose", help="write secrets and configurations for deploy/compose.yaml")
    commands.add_parser("status", help="show pid, port, readiness and uptime of every process")
    commands.add_parser("stop", help="stop the cluster")
    commands.add_parser("logs", help="follow all logs")
    commands.add_parser("env", help="print the addresses and keys with which a script or back end uses the cluster")
    return parser


def main() -> None:
    """Run one command; if it fails, exit with one line of text and status 1."""
    arguments = _parser().parse_args()
    try:
        _do(arguments)
    except _EXPECTED as error:
        run.fail(error)
    except KeyboardInterrupt:
        sys.exit(130)


def _do(arguments: argparse.Namespace) -> None:
    state: Path = arguments.state.resolve()
    match arguments.command:
        case "run":
            capacity = arguments.capacity or max(GATEWAY_CAPACITY, arguments.gateways)
            counts = Counts(arguments.gateways, arguments.sweepers, arguments.signers, arguments.apis, capacity)
            built = arguments.page.resolve() if arguments.page else None
            run.run(run.Options(arguments.port, state, counts, built))
        case "setup":
            _set_up(arguments.browser)
        case "compile":
            if not hotpath.ensure(say=run.say):
                sys.exit(1)
        case "web-check":
            web_build.check(say=run.say)
        case "dist" | "docs" | "version":
            _make_files(arguments.command)
        case "compose":
            compose.write(state / "compose")
            run.say("wrote .state/compose; now: docker compose -f deploy/compose.yaml up --build")
        case "logs":
            _follow(state)
        case _:
            _control(arguments, Control(state))


def _make_files(command: str) -> None:
    """Build the published packages or the documentation, or write the version everywhere; print the paths."""
    match command:
        case "dist":
            paths = dist.build(say=run.say)
        case "docs":
            paths = [docs_site.build(say=run.say)]
        case _:
            paths = versions.stamp()
            subprocess.run([bootstrap.uv(), "lock", "--quiet"], cwd=ROOT, check=True)
    for path in paths:
        print(path.relative_to(ROOT))


def _control(arguments: argparse.Namespace, cluster: Control) -> None:
    """Act on a running cluster."""
    match arguments.command:
        case "scale":
            cluster.scale(arguments.kind, arguments.count)
            print(control.table(cluster.rows()))
        case "roll":
            for name in cluster.roll():
                run.say(f"{name} restarted")
        case "status":
            print(control.table(cluster.rows()))
        case "stop":
            cluster.stop()
        case "env":
            print(control.assignments(control.environment(cluster)))


def _set_up(for_tests: bool) -> None:
    run.set_up()
    if for_tests:
        for name in tools.TOOLS:
            tools.require(name, say=run.say)
        browser.ensure(say=run.say)


def _follow(state: Path) -> None:
    try:
        logs.follow(state / "logs")
    except FileNotFoundError:
        raise control.NotRunning("there are no logs yet: start a cluster with make run") from None


if __name__ == "__main__":
    main()
