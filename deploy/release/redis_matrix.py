"""Run the test suites that use Redis on every Redis and Valkey that Debian has: `make redis-matrix`.

    python -m deploy.release.redis_matrix [NAME …]

The Debian packages are unpacked with their libraries into the state folder and run by their own linker, so that nothing
is installed. The test suites cover one server, TLS, ACL accounts, Sentinel and Cluster.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy import tools
from deploy.layout import MACHINE_STATE, ROOT

SUITES: Final = (
    "tests/integration/adapter",
    "tests/integration/contract",
    "tests/integration/presence",
    "tests/integration/gateway/test_backend.py",
    "tests/integration/gateway/test_nodes.py",
    "tests/integration/gateway/test_recovery.py",
    "tests/integration/gateway/test_redis_outages.py",
    "tests/integration/gateway/test_unread.py",
    "tests/integration/media/test_flow.py",
)
SUITE_SECONDS: Final = 900
_HOME: Final = MACHINE_STATE / "redis-matrix"
_KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
_MIRROR: Final = re.compile(r"^(?:URIs:|deb(?:\s+\[[^]]*\])?)\s+(https?://\S+/debian)/?(?:\s|$)", re.MULTILINE)
_LAUNCHER: Final = """#!/bin/sh
exec "{linker}" --library-path "{libraries}" --argv0 {name} "{program}" "$@"
"""


@dataclass(frozen=True)
class Server:
    """One packaged server: `kind` (redis or valkey) of a Debian `suite` (a release such as trixie)."""

    kind: str
    suite: str

    @property
    def name(self) -> str:
        """The name on the command line."""
        return f"{self.kind}-{self.suite}"


SERVERS: Final = (
    Server("redis", "bookworm"),
    Server("redis", "trixie"),
    Server("redis", "sid"),
    Server("valkey", "trixie"),
    Server("valkey", "sid"),
)


def main() -> int:
    """Run the test suites on the named servers (default: all); return 1 if a suite failed."""
    names = [server.name for server in SERVERS]
    parser = argparse.ArgumentParser(prog="python -m deploy.release.redis_matrix", description=__doc__)
    parser.add_argument(
        "servers", nargs="*", metavar="NAME", help=f"servers to test with: {', '.join(names)} (default: all)"
    )
    wanted = parser.parse_args().servers or names
    if unknown := sorted({*wanted} - {*names}):
        parser.error(f"unknown server {unknown[0]}")
    failed = [server.name for server in SERVERS if server.name in wanted and not _passes(server)]
    print(f"failed: {', '.join(failed)}" if failed else "all passed")
    return int(bool(failed))


def _passes(server: Server) -> bool:
    """Run the test suites with a server's programs first in PATH; tell whether the suites passed."""
    try:
        folder = install(server)
    except tools.MissingTool as error:
        print(f"{server.name} is left out: {error}", flush=True)
        return True
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    version = subprocess.run([folder / "redis-server", "--version"], capture_output=True, text=True, check=True)
    print(f"{server.name}: {version.stdout.strip()}", flush=True)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", *SUITES]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False, timeout=SUITE_SECONDS).returncode == 0


def install(server: Server) -> Path:
    """Unpack a server, and return the folder of its `redis-server` and `redis-cli`.

    Raise MissingTool if apt cannot fetch the server.
    """
    home = _HOME / server.name
    programs = home / "bin"
    if not programs.exists():
        packages = [f"{server.kind}-server", f"{server.kind}-tools"]
        tools.unpack(packages, home, _sources(home, server.suite))
        programs.mkdir(parents=True)
        for tool in ("server", "cli"):
            _write_launcher(programs / f"redis-{tool}", home / "tools" / "root", f"{server.kind}-{tool}")
    return programs


def _sources(home: Path, suite: str) -> list[str]:
    """Return apt's options for a Debian suite. The package database is empty, so that apt downloads all libraries."""
    home.mkdir(parents=True, exist_ok=True)
    sources, status = home / "sources.list", home / "status"
    sources.write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {suite} main\n")
    status.touch()
    settings = {"Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "-", "Dir::State::status": status}
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _mirror() -> str:
    """Return the mirror from which this machine gets Debian's packages; raise MissingTool when apt has none."""
    for path in [*sorted(Path("/etc/apt").glob("sources.list*/*")), Path("/etc/apt/sources.list")]:
        found = _MIRROR.search(path.read_text()) if path.is_file() else None
        if found:
            return found[1]
    raise tools.MissingTool("packages of other suites need a Debian mirror, and apt has none configured here")


def _write_launcher(path: Path, root: Path, program: str) -> None:
    """Write a script that runs an unpacked program with the libraries of its Debian suite, including the C library."""
    linkers: Sequence[Path] = sorted(root.glob("**/*-linux-gnu/ld-linux-*.so.*"))
    if not linkers:
        raise tools.MissingTool(f"the packages of {program} contain no dynamic linker")
    folder = linkers[0].parent.name
    libraries = f"{root}/usr/lib/{folder}:{root}/lib/{folder}"
    values = {"name": path.name, "linker": linkers[0], "libraries": libraries, "program": root / "usr/bin" / program}
    text = _LAUNCHER.format(**values)
    path.write_text(text)
    path.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main())
