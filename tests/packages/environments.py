"""Empty virtual environments into which the tests install the built wheels, as a new user would."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy import bootstrap
from deploy.layout import ROOT
from deploy.release.versions import current

COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Environment:
    """A virtual environment; `folder` is outside the checkout, so that programs cannot import the checkout's code."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def command(self, name: str) -> Path:
        """Return the path of a console command."""
        return self.folder / "bin" / name

    def run(self, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program with only `variables` and those that `bare_environment` inherits."""
        return subprocess.run(
            [str(word) for word in words],
            cwd=self.folder,
            env=bare_environment(variables),
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def packages(self) -> dict[str, str]:
        """Return the versions of the installed distributions by name."""
        listed = self.run(bootstrap.uv(), "pip", "list", "--quiet", "--format", "json", "--python", self.python)
        assert listed.returncode == 0, listed.stderr
        return {entry["name"]: entry["version"] for entry in json.loads(listed.stdout)}


def bare_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return `variables` and this process's PATH, HOME and settings of package indexes."""
    inherited = ("PATH", "HOME", "UV_CACHE_DIR", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "SSL_CERT_FILE", "PIP_INDEX_URL")
    return {name: os.environ[name] for name in inherited if name in os.environ} | dict(variables)


def constraints(target: Path) -> Path:
    """Write the third-party versions of uv.lock as constraints, so that a new third-party release cannot fail tests."""
    _uv("export", "--frozen", "--quiet", "--no-hashes", "--no-emit-workspace", "--output-file", str(target))
    return target


def make(folder: Path, artifacts: Path, pins: Path, *requirements: str) -> None:
    """Install `requirements` (`roomcast-gateway`, `roomcast-adapter[aiohttp]`) from `artifacts` into a new environment.

    Other projects' packages come from the package index.
    """
    _uv("venv", "--quiet", "--no-project", "--python", str(ROOT / ".venv" / "bin" / "python"), str(folder))
    _uv(
        *("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), "--constraint", str(pins)),
        *("--find-links", str(artifacts), *(f"{requirement}=={current()}" for requirement in requirements)),
    )


def _uv(*words: str) -> None:
    done = subprocess.run(
        [bootstrap.uv(), *words], cwd=ROOT, check=False, capture_output=True, text=True, timeout=COMMAND_SECONDS
    )
    assert done.returncode == 0, f"uv {' '.join(words)}:\n{done.stderr}"


def run_in(folder: Path, *command: str) -> str:
    """Run a command with this process's environment, and return its output; its exit status must be 0."""
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=COMMAND_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
