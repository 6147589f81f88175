"""The built artifacts, and a virtual environment for each set of distributions, made when a test first needs it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.release import dist
from tests.packages import environments
from tests.packages.environments import Environment
from tests.shared_folders import shared_folder


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all artifacts that `make dist` builds."""
    return shared_folder(tmp_path_factory, "dist", dist.build)


@pytest.fixture(scope="session")
def install(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Environment]:
    """Return a function that makes an environment with only the given requirements: each set once per test run."""
    pins = environments.constraints(tmp_path_factory.mktemp("pins") / "constraints.txt")

    def installed(*requirements: str) -> Environment:
        folder = shared_folder(
            tmp_path_factory,
            f"only-{'-'.join(requirements).replace('[', '-').replace(']', '')}",
            lambda folder: environments.make(folder / "venv", artifacts, pins, *requirements),
        )
        return Environment(folder / "venv")

    return installed
