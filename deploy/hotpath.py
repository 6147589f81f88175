"""Compile the gateways' hot path where there is a C compiler, and only when its source has changed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from deploy.layout import MACHINE_STATE, ROOT
from deploy.locks import locked
from deploy.tools import Say, quiet

SOURCES: Final = ROOT / "adapter" / "src" / "roomcast" / "hotpath"
BUILD_SECONDS: Final = 600


def ensure(*, state: Path = MACHINE_STATE, say: Say = quiet) -> bool:
    """Compile if needed, and tell whether the gateways will have it; without it they run the same code in Python."""
    stamp = state / "hotpath.stamp"
    with locked(state / "hotpath.lock"):
        wanted = fingerprint()
        if module().is_file() and stamp.is_file() and stamp.read_text() == wanted:
            return True
        say("compiling the gateways' hot path")
        command = [sys.executable, "-m", "roomcast.hotpath.build"]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1].removeprefix("roomcast: ")
            say(f"not compiled, the gateways run in plain Python at a lower speed: {last}")
            return False
        stamp.write_text(wanted)
        return True


def fingerprint() -> str:
    """Return a hash over what a build depends on: its source, how it is built, and this Python."""
    digest = hashlib.sha256(sys.version.encode())
    for name in ("compiled.pyx", "build.py"):
        digest.update((SOURCES / name).read_bytes())
    return digest.hexdigest()


def module() -> Path:
    """Return the path of the compiled module of this interpreter."""
    return (SOURCES / "compiled").with_suffix(str(sysconfig.get_config_var("EXT_SUFFIX")))
