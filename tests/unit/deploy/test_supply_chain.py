"""The SBOM lists the packages in use, and each package is pinned by its hash."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from deploy.layout import ROOT
from deploy.release import supply_chain

REQUIREMENTS = (ROOT / "deploy/s3/requirements.txt", ROOT / "loadtest/peers/requirements.txt")


def test_the_sbom_lists_the_dependencies_of_the_processes(tmp_path: Path) -> None:
    paths = supply_chain.sbom(tmp_path)
    documents = {path.name: json.loads(path.read_text()) for path in paths}
    names = {name: {part["name"] for part in document["components"]} for name, document in documents.items()}
    assert all(document["bomFormat"] == "CycloneDX" for document in documents.values())
    assert {"python-socketio", "aiohttp", "redis", "roomcast-gateway"} <= names["python.cdx.json"]
    assert "pytest" not in names["python.cdx.json"]
    assert "socket.io-client" in names["npm.cdx.json"]


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_requirement_has_a_hash(path: Path) -> None:
    lines = path.read_text().replace("\\\n", " ").splitlines()
    pinned = [line for line in lines if line.strip() and not line.startswith("#")]
    assert pinned
    assert [line for line in pinned if not re.fullmatch(r"\S+==\S+.*--hash=sha256:[0-9a-f]{64}.*", line)] == []


def test_every_locked_package_has_a_hash() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    fetched = [package for package in packages if "registry" in package["source"]]
    assert len(fetched) > 50
    assert [package["name"] for package in fetched if not (package.get("wheels") or package.get("sdist"))] == []
    files = [file for package in fetched for file in (*package.get("wheels", ()), package.get("sdist"))]
    assert all(file["hash"].startswith("sha256:") for file in files if file)


def test_every_npm_package_has_an_integrity_hash() -> None:
    packages = json.loads((ROOT / "web/package-lock.json").read_text())["packages"]
    fetched = {
        name: package for name, package in packages.items() if "node_modules/" in name and not package.get("link")
    }
    assert fetched
    assert {name for name, package in fetched.items() if "integrity" not in package} == set()


def test_a_vulnerability_fails_the_check_and_an_unreachable_database_does_not(tmp_path: Path) -> None:
    messages: list[str] = []
    away = ["sh", "-c", "echo 'dns error' >&2; exit 2"]
    found = ["sh", "-c", "echo 'pillow 1.0: GHSA-x'; exit 1"]
    assert supply_chain._is_clean("a", away, tmp_path, messages.append)
    assert not supply_chain._is_clean("b", found, tmp_path, messages.append)
    assert messages == [
        "a: not checked, the vulnerability database cannot be reached from here",
        "b: pillow 1.0: GHSA-x",
    ]
