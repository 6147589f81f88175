"""Find redis-server, nginx, prometheus and promtool, or unpack the distribution's packages into the state folder.

The packages are not installed: that needs root and would start services on the machine. Instead, apt downloads the
packages and missing libraries, and this module unpacks them. A launcher for each program sets the library path.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.layout import MACHINE_STATE
from deploy.locks import locked

SYSTEM_FOLDERS: Final = "/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin:/opt/homebrew/bin"
DOWNLOAD_SECONDS: Final = 600


class MissingTool(RuntimeError):
    """A program is missing, too old, or has failed; the text says what to install, or why it failed."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A program: its packages on Debian and derived systems, its oldest usable version, and how to read its version."""

    name: str
    packages: tuple[str, ...]
    oldest: tuple[int, int]
    version_option: str


TOOLS: Final = {
    tool.name: tool
    for tool in (
        Tool("redis-server", ("redis-server", "redis-tools"), (7, 0), "--version"),
        Tool("redis-cli", ("redis-server", "redis-tools"), (7, 0), "--version"),
        Tool("nginx", ("nginx",), (1, 18), "-v"),
        Tool("promtool", ("prometheus",), (2, 30), "--version"),
        Tool("prometheus", ("prometheus",), (2, 30), "--version"),
    )
}

Say = Callable[[str], None]


def quiet(_: str) -> None:
    """Ignore a progress text."""


def require(name: str, *, state: Path = MACHINE_STATE, system: bool = True, say: Say = quiet) -> Path:
    """Return the path of a program; fetch the program first if the machine lacks it.

    `system=False` ignores installed programs. Raises MissingTool when the program cannot be fetched or is too old.
    """
    tool = TOOLS[name]
    home = state / "tools"
    found = _installed(tool) if system else None
    if found is None:
        found = home / "bin" / name
        with locked(home / "lock"):
            _fetch(tool, home, found, say)
    _check_version(tool, found)
    return found


def _fetch(tool: Tool, home: Path, launcher: Path, say: Say) -> None:
    if not launcher.exists():
        say(f"{tool.name} is not installed: unpacking {', '.join(tool.packages)} into {home}")
        _unpack(tool.packages, home)
        for name in (each.name for each in TOOLS.values() if each.packages == tool.packages):
            _write_launcher(home, name)


def _installed(tool: Tool) -> Path | None:
    found = shutil.which(tool.name) or shutil.which(tool.name, path=SYSTEM_FOLDERS)
    return Path(found) if found else None


def _check_version(tool: Tool, path: Path) -> None:
    done = subprocess.run([path, tool.version_option], check=False, capture_output=True, text=True)
    found = re.search(r"(\d+)\.(\d+)", done.stdout + done.stderr)
    if done.returncode != 0 or found is None:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise MissingTool(f"{path} does not start: {last}")
    if (int(found[1]), int(found[2])) < tool.oldest:
        raise MissingTool(f"{tool.name} {found[0]} is too old: {tool.oldest[0]}.{tool.oldest[1]} or newer is needed")


# --- unpacking packages -----------------------------------------------------------------------------------------------


def unpack(packages: Sequence[str], state: Path = MACHINE_STATE, sources: Sequence[str] = ()) -> Path:
    """Unpack packages with the libraries that this machine lacks, and return the root of the unpacked tree.

    `sources`: apt's options that replace the machine's package lists. Raise MissingTool if apt-get is missing
    or cannot download a package.
    """
    home = state / "tools"
    _unpack(packages, home, sources)
    return home / "root"


def _unpack(packages: Sequence[str], home: Path, sources: Sequence[str] = ()) -> None:
    wanted = " ".join(packages)
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise MissingTool(f"install these with your package manager (there is no apt-get here to fetch them): {wanted}")
    archives = home / "archives"
    shutil.rmtree(archives, ignore_errors=True)
    (archives / "partial").mkdir(parents=True)
    if sources or not _download(packages, archives, []):
        lists = home / "lists"
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        own_lists = ["-o", f"Dir::State::lists={lists}", *sources]
        _apt(["update"], archives, own_lists)
        if not _download(packages, archives, own_lists):
            raise MissingTool(f"apt-get could not download these: install them with your package manager: {wanted}")
    for archive in sorted(archives.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", archive, home / "root"], check=True)
    shutil.rmtree(archives)


def _download(packages: Sequence[str], archives: Path, options: Sequence[str]) -> bool:
    """Download the packages and their dependencies that are not installed; tell whether that worked."""
    arguments = ["--download-only", "--yes", "--reinstall", "--no-install-recommends", "install", *packages]
    return _apt(arguments, archives, options) and any(archives.glob("*.deb"))


def _apt(arguments: Sequence[str], archives: Path, options: Sequence[str]) -> bool:
    """Run apt-get on separate folders without the system's locks. Any user can run it, and it installs no package."""
    own = {
        "Dir::Cache::archives": str(archives),
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
    }
    settings = [part for name, value in own.items() for part in ("-o", f"{name}={value}")]
    command = ["apt-get", "-qq", *settings, *options, *arguments]
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, check=False, capture_output=True, env=environment, timeout=DOWNLOAD_SECONDS)
    return done.returncode == 0


def _write_launcher(home: Path, name: str) -> None:
    """Write the script `bin/<name>`. It finds the unpacked tree relative to itself, so a checkout can be moved."""
    root = home / "root"
    program = next((path for path in (root / "usr/sbin" / name, root / "usr/bin" / name) if path.exists()), None)
    if program is None:
        raise MissingTool(f"the packages of {name} do not contain it: install {name} with your package manager")
    machine = f"{os.uname().machine}-linux-gnu"
    folders = [f"$tree/{part}" for part in (f"usr/lib/{machine}", f"lib/{machine}", "usr/lib", "lib")]
    launcher = home / "bin" / name
    launcher.parent.mkdir(exist_ok=True)
    launcher.write_text(
        '#!/bin/sh\ntree="$(cd "$(dirname "$0")/../root" && pwd)"\n'
        f'export LD_LIBRARY_PATH="{":".join(folders)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"\n'
        f'exec "$tree/{program.relative_to(root)}" "$@"\n'
    )
    launcher.chmod(0o755)


def main() -> None:
    """Print the path of each program that the command line names; fetch the missing programs first."""
    for name in sys.argv[1:]:
        print(require(name, say=print))


if __name__ == "__main__":
    main()
