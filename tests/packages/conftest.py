"""The built artifacts, and one environment per distribution, made when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.release import dist
from tests.packages import environments
from tests.packages.environments import Environment


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with everything that `make dist` builds."""
    folder = tmp_path_factory.mktemp("dist")
    dist.build(folder)
    return folder


@pytest.fixture(scope="session")
def install(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    """Return a function that gives the environment with one requirement installed, made once."""
    pins = environments.constraints(tmp_path_factory.mktemp("pins") / "constraints.txt")
    made: dict[str, Environment] = {}

    def installed(requirement: str) -> Environment:
        if requirement not in made:
            folder = tmp_path_factory.mktemp(requirement.partition("[")[0])
            made[requirement] = environments.make(folder / "venv", artifacts, pins, requirement)
        return made[requirement]

    return installed
