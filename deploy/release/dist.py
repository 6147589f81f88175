"""Build the published packages: wheels and sdists of the Python distributions, and the three npm packages.

Each wheel is built from its sdist, so a file that the sdist lacks breaks the build. With a C compiler, the adapter's
wheel contains the compiled hot path of the adapter, and works only with this version of Python. All other wheels are
pure Python.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from deploy import bootstrap, web_build
from deploy.layout import ROOT
from deploy.release import versions
from deploy.tools import MissingTool, Say, quiet

FOLDER: Final = ROOT / "dist"
BUILD_SECONDS: Final = 600


def build(folder: Path = FOLDER, *, say: Say = quiet) -> list[Path]:
    """Delete older artifacts in `folder`, build all artifacts and return their paths; raise MissingTool on failure."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in artifacts(folder):
        old.unlink()
    say("building wheels and sdists")
    build_python(folder)
    say("packing the npm packages")
    build_node(folder, say=say)
    return artifacts(folder)


def artifacts(folder: Path) -> list[Path]:
    """Return the wheels, sdists and npm packages in `folder`."""
    return sorted(path for path in folder.iterdir() if path.suffix in (".whl", ".gz", ".tgz"))


def build_python(folder: Path) -> None:
    """Build the sdist of each distribution, and the wheel from the sdist."""
    uv = bootstrap.uv()
    for name in versions.DISTRIBUTIONS:
        _run([uv, "build", "--quiet", "--package", f"roomcast-{name}", "--out-dir", str(folder)], ROOT)


def build_node(folder: Path, *, say: Say = quiet) -> None:
    """Compile the TypeScript packages, and pack them as npm would publish them."""
    web_build.pack(folder, say=say)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=BUILD_SECONDS)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise MissingTool(f"`{' '.join(command)}` failed:\n{tail}")
