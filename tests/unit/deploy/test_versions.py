"""All distributions have one version. Stamping a version changes nothing else in the manifests."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import version as installed_version
from pathlib import Path

import pytest

from deploy.layout import ROOT
from deploy.release import versions


def test_every_manifest_has_the_current_version() -> None:
    assert {path for path, text in versions.stamped().items() if path.read_text() != text} == set(), "make version"


@pytest.mark.parametrize("name", versions.DISTRIBUTIONS)
def test_an_installed_distribution_has_the_current_version(name: str) -> None:
    manifest = tomllib.loads((ROOT / name / "pyproject.toml").read_text())["project"]
    assert manifest["version"] == versions.current()
    assert installed_version(f"roomcast-{name}") == versions.current()


def test_every_workspace_member_is_a_distribution() -> None:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    assert set(workspace["members"]) == set(versions.DISTRIBUTIONS)


@pytest.mark.parametrize(
    ("python", "npm"), [("1.2.3", "1.2.3"), ("1.2.3rc1", "1.2.3-rc.1"), ("1.2.3a12", "1.2.3-a.12")]
)
def test_for_npm_returns_the_version_in_the_form_of_npm(python: str, npm: str) -> None:
    assert versions.for_npm(python) == npm


def test_a_new_version_is_stamped_into_manifests_pins_and_the_lock_file() -> None:
    texts = {str(path.relative_to(ROOT)): text for path, text in versions.stamped(version="9.8.7rc1").items()}
    gateway = tomllib.loads(texts["gateway/pyproject.toml"])["project"]
    assert gateway["version"] == "9.8.7rc1"
    assert "roomcast-adapter[aiohttp]==9.8.7rc1" in gateway["dependencies"]
    assert json.loads(texts["web/sdk/package.json"])["version"] == "9.8.7-rc.1"
    hooks = json.loads(texts["web/react/package.json"])
    assert (hooks["version"], hooks["peerDependencies"]["@roomcast/sdk"]) == ("9.8.7-rc.1", "9.8.7-rc.1")
    lock = json.loads(texts["web/package-lock.json"])
    assert lock["packages"]["react"]["peerDependencies"]["@roomcast/sdk"] == "9.8.7-rc.1"
    assert lock["packages"]["sdk"]["version"] == "9.8.7-rc.1"
    assert lock["packages"]["node_modules/esbuild"]["version"] == installed_esbuild()
    assert "hatchling==1.33.0" in texts["gateway/pyproject.toml"]


def installed_esbuild() -> str:
    lock = json.loads((ROOT / "web" / "package-lock.json").read_text())
    found: str = lock["packages"]["node_modules/esbuild"]["version"]
    return found


@pytest.mark.parametrize("text", ["", "1.2", "v1.2.3", "1.2.3.4"])
def test_a_malformed_version_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "VERSION").write_text(text)
    monkeypatch.setattr(versions, "VERSION_FILE", tmp_path / "VERSION")
    with pytest.raises(ValueError, match="is no version"):
        versions.current()
