"""Compile the changed modules of the gateways' hot path, if there is a C compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy.layout import MACHINE_STATE, ROOT
from deploy.locks import locked
from deploy.tools import Say, quiet
from roomcast.hotpath import build

BUILD_SECONDS: Final = 600


def ensure(*, state: Path = MACHINE_STATE, say: Say = quiet) -> bool:
    """Compile if the source has changed; return whether the compiled modules are current; `say` the reason if not."""
    with locked(state / "hotpath.lock"):
        if not build.outdated():
            return True
        say("compiling the gateways' hot path")
        command = [sys.executable, "-m", "roomcast.hotpath.build"]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1].removeprefix("roomcast: ")
            say(f"not compiled, the gateways run in plain Python at a lower speed: {last}")
            return False
        return True
