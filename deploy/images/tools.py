"""Run buildah and podman with an image storage in the state folder, and report missing programs."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.layout import MACHINE_STATE

STATE: Final = MACHINE_STATE / "images"
BUILD_SECONDS: Final = 1200
_STORAGE: Final = ("--root", str(STATE / "storage"), "--runroot", str(STATE / "run"), "--storage-driver", "overlay")


class ImageError(RuntimeError):
    """The images cannot be built or started; the text is one line that says why."""


def require(*names: str) -> None:
    """Raise ImageError with the names of missing programs. Their Debian packages have the same names."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        raise ImageError(f"install these first: {', '.join(missing)}")


def run(command: Sequence[str | Path], *, seconds: float = BUILD_SECONDS, log: Path | None = None) -> str:
    """Run a command and return its output; raise ImageError when it fails or takes too long.

    `log`: a file to which the output is also written.
    """
    name = " ".join(map(str, command[:1]))
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        raise ImageError(f"{name}: not done after {seconds:g} s") from None
    if log is not None:
        log.write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise ImageError(f"{' '.join(map(str, command))[-200:]}: {lines[-1]}")
    return done.stdout


def buildah(*arguments: str | Path, seconds: float = BUILD_SECONDS, log: Path | None = None) -> str:
    """Run buildah; see `run`."""
    return run(["buildah", *_STORAGE, *arguments], seconds=seconds, log=log)


def podman(*arguments: str | Path, seconds: float = 60.0) -> str:
    """Run podman; see `run`. It manages cgroups itself (`cgroupfs`), because the machine may lack systemd."""
    networks = str(STATE / "networks")
    options = (*_STORAGE, "--cgroup-manager", "cgroupfs", "--network-config-dir", networks)
    return run(["podman", *options, *arguments], seconds=seconds)
