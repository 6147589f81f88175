"""Find or install what the browser tests need: Chromium, and the Node packages that drive it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from deploy import page
from deploy.layout import ROOT
from deploy.tools import MissingTool, Say, quiet

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVER: Final = ROOT / "tests" / "browser"
INSTALL_SECONDS: Final = 900


def chromium() -> Path | None:
    """Return the Chromium or Chrome on PATH."""
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def ensure(say: Say = quiet) -> Path:
    """Return the path of Chromium, installed from the distribution when root may do so; raise MissingTool."""
    if (DRIVER / "package-lock.json").exists():
        page.packages(DRIVER, say=say)
    found = chromium()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        say("installing chromium for the browser tests")
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", "chromium")
        found = chromium()
    if found is None:
        raise MissingTool("the browser tests need Chromium: install the package chromium")
    return found


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, timeout=INSTALL_SECONDS
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise MissingTool(f"`{' '.join(command)}` failed: {last}")
