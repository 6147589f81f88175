"""Build the documentation site: the pages of docs/, the Python reference, and the TypeScript reference of the SDK.

mkdocs and its plugins have a separate virtual environment. The first use makes it from the `docs` group of uv.lock.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy import bootstrap, web_build
from deploy.layout import MACHINE_STATE, ROOT
from deploy.locks import locked
from deploy.tools import MissingTool, Say, quiet

SITE: Final = ROOT / "site"
HOME: Final = MACHINE_STATE / "docs-venv"
BUILD_SECONDS: Final = 600


def build(folder: Path = SITE, *, say: Say = quiet) -> Path:
    """Build the site into `folder` and return its first page. Raise MissingTool for an error or a warning."""
    with locked(MACHINE_STATE / "docs.lock"):
        _install(say)
    say("building the pages and the Python reference")
    _run([str(HOME / "bin" / "mkdocs"), "build", "--strict", "--quiet", "--site-dir", str(folder)], ROOT)
    if "docs" in json.loads((web_build.SOURCES / "package.json").read_text())["scripts"]:
        say("building the TypeScript reference")
        web_build.install_packages(web_build.SOURCES, say=say)
        _run(["npm", "run", "--silent", "docs", "--", "--out", str(folder.resolve())], web_build.SOURCES)
    return folder / "index.html"


def _install(say: Say) -> None:
    """Install the `docs` group of uv.lock. This is quick when the environment is up to date."""
    if not HOME.exists():
        say("installing mkdocs into .state/docs-venv")
    environment = {"UV_PROJECT_ENVIRONMENT": str(HOME)}
    _run([bootstrap.uv(), "sync", "--frozen", "--quiet", "--only-group", "docs"], ROOT, environment)


def _run(command: list[str], folder: Path, more: Mapping[str, str] | None = None) -> None:
    """Run a command; raise MissingTool with the last 15 lines of its output when it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment |= {"NO_MKDOCS_2_WARNING": "1", **(more or {})}
    done = subprocess.run(
        command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise MissingTool(f"`{' '.join(command[:3])}` failed:\n{tail}")
