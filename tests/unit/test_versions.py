"""Every distribution of this repository, for Python and for npm, has the same version."""

from __future__ import annotations

import json
import tomllib

from docs import tables

VERSION = tomllib.loads((tables.ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_every_python_distribution_has_the_version_of_the_repository() -> None:
    found = {str(path): tomllib.loads(path.read_text())["project"] for path in tables.ROOT.glob("*/pyproject.toml")}
    assert found
    versions = {path: project["version"] for path, project in found.items() if "version" in project}
    assert versions == dict.fromkeys(versions, VERSION)


def test_every_npm_package_has_the_version_of_the_repository() -> None:
    web = tables.ROOT / "web"
    lock = json.loads((web / "package-lock.json").read_text())
    for manifest in (web / "package.json", web / "sdk" / "package.json"):
        assert json.loads(manifest.read_text())["version"] == VERSION, manifest
    assert {lock["version"], lock["packages"]["sdk"]["version"]} == {VERSION}
