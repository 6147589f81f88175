"""Build the browser page if its sources have changed; check and pack the npm packages of web/."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from deploy.layout import MACHINE_STATE, ROOT
from deploy.locks import locked
from deploy.tools import MissingTool, Say, quiet

SOURCES: Final = ROOT / "web"
OLDEST_NODE: Final = 20
BUILD_SECONDS: Final = 600
_NOT_SOURCES: Final = frozenset({"node_modules", "dist", "coverage"})


def ensure(*, sources: Path = SOURCES, state: Path = MACHINE_STATE, say: Say = quiet) -> Path:
    """Build the page if its sources have changed, and return the folder of the built page.

    Raise MissingTool if npm is missing or fails.
    """
    built, stamp = sources / "dist", state / "page.stamp"
    with locked(state / "page.lock"):
        wanted = fingerprint(sources)
        if not (built / "index.html").is_file() or not stamp.is_file() or stamp.read_text() != wanted:
            install_packages(sources, say=say)
            say("building the page")
            _npm(["run", "build"], sources)
            stamp.write_text(wanted)
    return built


def check(*, sources: Path = SOURCES, say: Say = quiet) -> None:
    """Run lint, types and unit tests of the page and its SDK. Raise MissingTool if any of them fails."""
    install_packages(sources, say=say)
    for script in ("check", "test"):
        if subprocess.run(["npm", "run", "--silent", script], cwd=sources, check=False).returncode != 0:
            raise MissingTool(f"`npm run {script}` failed in {sources.name}/")


def pack(folder: Path, *names: str, say: Say = quiet) -> list[Path]:
    """Pack npm packages (all by default) into `folder`; return the tarballs. Raise MissingTool if npm fails.

    Only one process packs at a time: each build starts by removing the files of the previous build.
    """
    install_packages(SOURCES, say=say)
    with locked(MACHINE_STATE / "pack.lock"):
        said = _npm(["run", "--silent", "pack", "--", "--out", str(folder.resolve()), *names], SOURCES)
    return [Path(line) for line in said.splitlines() if line.endswith(".tgz")]


def install_packages(folder: Path, *, say: Say = quiet) -> None:
    """Install the Node packages that `folder`'s lock file names, unless they are installed.

    Only one process installs at a time: `npm ci` starts by removing all installed packages. Raise MissingTool if npm is
    missing or fails.
    """
    lock = (folder / "package-lock.json").read_bytes()
    wanted = hashlib.sha256(lock).hexdigest()
    stamp = folder / "node_modules" / ".roomcast-lock"
    with locked(MACHINE_STATE / "npm.lock"):
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        say(f"installing the Node packages of {folder.name}/")
        _npm(["ci", "--no-audit", "--no-fund"], folder)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(wanted)


def install_packed(folder: Path, tarballs: Iterable[Path]) -> None:
    """Install an application's packages: those in its lock file, then those that `pack` made.

    Raise MissingTool if npm is missing or fails.
    """
    for arguments in (["ci"], ["install", "--no-save", *map(str, tarballs)]):
        _npm([*arguments, "--no-audit", "--no-fund", "--prefer-offline"], folder)


def fingerprint(folder: Path) -> str:
    """Return a hash over the names and contents of all files that a build can depend on."""
    digest = hashlib.sha256()
    for path in _source_files(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(folder)}\0{content}\n".encode())
    return digest.hexdigest()


def _source_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in _NOT_SOURCES and not path.name.startswith("."):
            yield from _source_files(path)
        elif path.is_file():
            yield path


def _npm(arguments: list[str], folder: Path) -> str:
    check_node()
    command = ["npm", *arguments]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise MissingTool(f"`{' '.join(command)}` failed in {folder}:\n{tail}")
    return done.stdout


def check_node() -> None:
    """Raise MissingTool when Node or npm is missing or too old."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise MissingTool(f"Node {OLDEST_NODE} or newer with npm is needed to build the page: install nodejs and npm")
    version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        raise MissingTool(f"Node {version} is too old: {OLDEST_NODE} or newer is needed to build the page")
