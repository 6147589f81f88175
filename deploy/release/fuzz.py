"""Install atheris, then fuzz the parsers: `make fuzz SECONDS=20`. Skip, with status 0, if atheris cannot be installed.

Atheris is installed into its own folder from the `fuzz` group of uv.lock, because no other task needs it, and there is
no build of it for some Pythons and systems.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy import bootstrap
from deploy.layout import MACHINE_STATE, ROOT
from deploy.locks import locked

HOME: Final = MACHINE_STATE / "fuzz"
INSTALL_SECONDS: Final = 120


def main() -> int:
    """Run `tests.attack.fuzz` with the arguments, on the plain build: atheris sees no branches of compiled code."""
    with locked(MACHINE_STATE / "fuzz.lock"):
        if not is_installed():
            print(f"fuzz: skipped, atheris cannot be installed for Python {sys.version.split()[0]} on this system")
            return 0
    environment = dict(os.environ, PYTHONPATH=str(HOME), ROOMCAST_HOTPATH="python")
    command = [sys.executable, "-m", "tests.attack.fuzz", *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def is_installed() -> bool:
    """Install the `fuzz` group of uv.lock if needed; tell whether it is installed."""
    if (HOME / "atheris").exists():
        return True
    MACHINE_STATE.mkdir(parents=True, exist_ok=True)
    listed = MACHINE_STATE / "fuzz-requirements.txt"
    export = ["export", "--frozen", "--quiet", "--only-group", "fuzz", "--output-file", str(listed)]
    install = ["pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--target", str(HOME)]
    install += ["--python", sys.executable, "-r", str(listed)]
    return all(_runs(arguments) for arguments in (export, install)) and (HOME / "atheris").exists()


def _runs(arguments: list[str]) -> bool:
    """Run uv; tell whether it succeeded."""
    command = [bootstrap.uv(), *arguments]
    done = subprocess.run(command, cwd=Path(ROOT), capture_output=True, check=False, timeout=INSTALL_SECONDS)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
