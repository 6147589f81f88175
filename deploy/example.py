"""Run the example application on the local cluster: `python -m deploy.example` (`make example`).

The example has two servers: FastAPI, which uses Roomcast's HTTP API, and Next.js, whose pages connect to the gateways.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from deploy import run, web_build
from deploy.control import Control, NotRunning, environment
from deploy.layout import HOST, MACHINE_STATE, ROOT
from deploy.tools import MissingTool

SOURCES: Final = ROOT / "examples" / "nextjs-fastapi"
_STOP_SECONDS: Final = 10.0


def backend_command(port: int) -> list[str]:
    """Return the command of the FastAPI server."""
    server = ["-m", "uvicorn", "helpdesk.app:from_environment", "--factory", "--no-access-log"]
    return [sys.executable, *server, "--app-dir", str(SOURCES / "backend"), "--port", str(port)]


def next_command(frontend: Path, *words: str) -> list[str]:
    """Return a command of Next.js: `dev`, `build` or `start`, with its options."""
    return ["node", str(frontend / "node_modules" / "next" / "dist" / "bin" / "next"), *words]


def serve_command(frontend: Path, mode: str, port: int) -> list[str]:
    """Return the command that serves the pages to this machine, in the mode `dev` or `start`."""
    return next_command(frontend, mode, "--hostname", HOST, "--port", str(port))


def main() -> None:
    """Run both servers until Ctrl-C, or until one server ends; exit with one line of text when no cluster runs."""
    parser = argparse.ArgumentParser(description="Run the example application on the local cluster.")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--backend-port", type=int, default=8000)
    parser.add_argument("--state", type=Path, default=MACHINE_STATE)
    options = parser.parse_args()
    state: Path = options.state.resolve()
    try:
        values = environment(Control(state))
        run.say("installing the example's Node packages")
        web_build.install_packed(SOURCES / "frontend", web_build.pack(state / "example", say=run.say))
    except (NotRunning, MissingTool) as error:
        run.fail(error)
    shared = os.environ | values | {"NEXT_TELEMETRY_DISABLED": "1"}
    backend = subprocess.Popen(
        backend_command(options.backend_port),
        env=shared | {"HELPDESK_DATABASE": str(state / "example" / "helpdesk.db")},
    )
    frontend = subprocess.Popen(
        serve_command(SOURCES / "frontend", "dev", options.port),
        cwd=SOURCES / "frontend",
        env=shared | {"BACKEND_URL": f"http://127.0.0.1:{options.backend_port}"},
    )
    run.say(f"the support desk is on http://localhost:{options.port}; Ctrl-C stops it")
    _wait([backend, frontend])


def _wait(servers: list[subprocess.Popen[bytes]]) -> None:
    """Wait until a server ends, or for Ctrl-C or SIGTERM; then stop all servers."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        while all(server.poll() is None for server in servers):
            time.sleep(0.2)
    except KeyboardInterrupt:
        pass
    for server in servers:
        server.send_signal(signal.SIGTERM)
    for server in servers:
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()


if __name__ == "__main__":
    main()
