"""Install missing parts, then run a cluster in the foreground until Ctrl-C (`make run`)."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from deploy import api_key, control, hotpath, prepare, supervisor, tools, web_build
from deploy.layout import MACHINE_STATE, ROOT, Counts, Ports
from deploy.s3 import server as s3_server
from deploy.tools import Say


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a start. `page_folder`: the folder of a built page; None: build the page in web/."""

    port: int
    state: Path
    counts: Counts
    page_folder: Path | None = None


def say(line: str) -> None:
    """Print one step of the set-up."""
    print(f"· {line}", flush=True)


def set_up(say: Say = say, *, system_tools: bool = True) -> Path:
    """Fetch and build missing or outdated parts of a cluster, and return the folder of the built page."""
    tools.require("redis-server", system=system_tools, say=say)
    tools.require("nginx", system=system_tools, say=say)
    if not (MACHINE_STATE / "s3-venv").exists():
        say("installing the object storage for development")
    s3_server.ensure(MACHINE_STATE, uv=bootstrap_uv())
    hotpath.ensure(say=say)
    return web_build.ensure(say=say)


def bootstrap_uv() -> str | None:
    """Return the path of the uv that the set-up installed; None if it installed none."""
    found = MACHINE_STATE / "bootstrap" / "bin" / "uv"
    return str(found) if found.exists() else None


def run(options: Options) -> None:
    """Run a cluster until a signal; raise CannotStart, MissingTool, SetupError or StartFailed, each with one line."""
    begun = time.monotonic()
    ports = Ports(options.port)
    with prepare.claimed(options.state):
        prepare.check_ports(ports, options.counts.capacity)
        built = options.page_folder or set_up()
        with prepare.public_folder(options.state) as public:
            prepare.publish_page(built, public)
            plan, paths, secrets = prepare.plan(options.state, public, ports, options.counts)
            control.remember(options.state, ports, options.counts.capacity)
            supervisor.log_to(paths.logs / "supervisor.log")
            _ignore_terminal()

            def started() -> None:
                api_key.store(secrets, ports.redis)
                print(_screen(options, ports, time.monotonic() - begun), flush=True)

            async def life() -> None:
                await supervisor.Supervisor(plan.processes, paths, secrets).run(started)

            asyncio.run(life())
        say(f"stopped; the logs are kept in {options.state}")


def _ignore_terminal() -> None:
    """Ignore SIGTTOU, so that this process can write to its terminal as a background job without being stopped."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)


def _screen(options: Options, ports: Ports, seconds: float) -> str:
    counts = options.counts
    logs = options.state / "logs"
    shown = logs.relative_to(ROOT) if logs.is_relative_to(ROOT) else logs
    return (
        f"\n  Roomcast runs: gateways {counts.gateways}, presence sweepers {counts.sweepers},"
        f" media signers {counts.signers} (started in {seconds:.1f} s)\n\n"
        f"    page      http://localhost:{ports.page}\n"
        + (f"    API       http://localhost:{ports.api(1)}      API key: make env\n" if counts.apis else "")
        + f"    logs      {shown}/  or  make logs\n"
        f"    scale     make scale N=4      to run 4 gateways\n"
        f"    status    make status\n"
        f"    load      make load USERS=200 TIME=30s\n"
        f"    stop      Ctrl-C  or  make stop\n"
    )


def fail(error: Exception) -> None:
    """Exit with the error's text on one line and status 1."""
    sys.exit(f"roomcast: {error}")
