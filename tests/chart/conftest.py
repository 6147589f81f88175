"""Render the chart with helm. `make chart` builds helm if Go is installed; without helm these tests are skipped."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.layout import MACHINE_STATE, ROOT

CHART: Final = ROOT / "deploy/chart/roomcast"
KUBERNETES: Final = "1.31.0"
REQUIRED: Final = {
    "redis": {"gatewayUrl": "redis://g", "presenceUrl": "redis://p", "mediaUrl": "redis://m"},
    "auth": {"jwtSecret": "s" * 32},
}
"""The values that a user must set."""

Object = dict[str, Any]
Render = Callable[[Mapping[str, Any]], list[Object]]


@pytest.fixture(scope="session")
def helm() -> Path:
    found = shutil.which("helm") or shutil.which("helm", path=str(MACHINE_STATE / "tools" / "bin"))
    if found is None:
        pytest.skip("helm is not installed: `make chart` builds it if Go is installed")
    return Path(found)


@pytest.fixture
def values_file(tmp_path: Path) -> Callable[[Mapping[str, Any]], Path]:
    """Return a function that writes values into a file."""

    def write(values: Mapping[str, Any]) -> Path:
        path = tmp_path / "values.json"
        path.write_text(json.dumps(values))
        return path

    return write


@pytest.fixture
def template(
    helm: Path, values_file: Callable[[Mapping[str, Any]], Path]
) -> Callable[[Mapping[str, Any]], subprocess.CompletedProcess[str]]:
    """Return a function that runs `helm template` with values."""

    def run(values: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
        path = str(values_file(values))
        command = [str(helm), "template", "chat", str(CHART), "--kube-version", KUBERNETES, "--values", path]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def render(template: Callable[[Mapping[str, Any]], subprocess.CompletedProcess[str]]) -> Render:
    """Return a function that renders the chart and returns its Kubernetes objects."""

    def run(values: Mapping[str, Any]) -> list[Object]:
        done = template(values)
        assert done.returncode == 0, done.stderr
        return [document for document in yaml.safe_load_all(done.stdout) if document]

    return run


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return values merged as helm merges them: dicts recursively; any other value is that of the last layer."""
    result: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            both = isinstance(value, Mapping) and isinstance(result.get(name), Mapping)
            result[name] = merged(result[name], value) if both else value
    return result


def the(objects: list[Object], kind: str, name: str) -> Object:
    """Return the only object of that kind and name."""
    found = [each for each in objects if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, f"{kind} {name}: {len(found)}"
    return found[0]
