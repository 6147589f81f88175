"""Find or install Chromium and the Node packages of the browser tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from deploy import web_build
from deploy.layout import ROOT
from deploy.tools import MissingTool, Say, quiet

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHELL: Final = "chromium-headless-shell"
"""Debian's package of Chromium without windows. It renders the same pages with about 40 % less CPU. Optional."""
DRIVER: Final = ROOT / "tests" / "browser"
INSTALL_SECONDS: Final = 900


def chromium() -> Path | None:
    """Return the Chromium or Chrome on PATH."""
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def headless_shell() -> Path | None:
    """Return the path of Chromium's headless shell, if it is installed."""
    found = shutil.which(SHELL)
    return None if found is None else Path(found)


def ensure(say: Say = quiet) -> Path:
    """Return the path of Chromium. As root, install it if it is missing; raise MissingTool if that is not possible."""
    if (DRIVER / "package-lock.json").exists():
        web_build.install_packages(DRIVER, say=say)
    may_install = os.geteuid() == 0 and shutil.which("apt-get") is not None
    if chromium() is None and may_install:
        say("installing chromium for the browser tests")
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", "chromium")
    found = chromium()
    if found is None:
        raise MissingTool("the browser tests need Chromium: install the package chromium")
    if headless_shell() is None and may_install:
        _try_headless_shell(say)
    return found


def _try_headless_shell(say: Say) -> None:
    """Install the headless shell; without it the tests use the whole Chromium."""
    say("installing chromium's headless shell for the browser tests")
    try:
        _apt("install", "--yes", "--no-install-recommends", SHELL)
    except MissingTool as error:
        say(f"the browser tests use the whole Chromium: {error}")


def _apt(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, timeout=INSTALL_SECONDS
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise MissingTool(f"`{' '.join(command)}` failed: {last}")
