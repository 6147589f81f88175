"""The artifacts have the current version, the licence, and the packages of one distribution only."""

from __future__ import annotations

import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from deploy.layout import ROOT
from deploy.release.dist import artifacts as paths_of
from deploy.release.versions import DISTRIBUTIONS, current, for_npm
from roomcast.hotpath import build

PACKAGES = {name: {name} for name in DISTRIBUTIONS} | {"adapter": {"adapter", "engineio", "hotpath", "socketio"}}
"""The packages below `roomcast` in each wheel."""


COMPILED = {"adapter"}
"""The distributions whose wheels contain compiled modules if the machine has a C compiler."""


def wheel(artifacts: Path, name: str) -> ZipFile:
    [path] = artifacts.glob(f"roomcast_{name}-{current()}-*.whl")
    return ZipFile(path)


def test_the_build_makes_exactly_the_expected_artifacts(artifacts: Path) -> None:
    built = {path.name for path in paths_of(artifacts)}
    sdists = {f"roomcast_{name}-{current()}.tar.gz" for name in DISTRIBUTIONS}
    pure = {f"roomcast_{name}-{current()}-py3-none-any.whl" for name in DISTRIBUTIONS if name not in COMPILED}
    node = {f"roomcast-{name}-{for_npm(current())}.tgz" for name in ("sdk", "react", "api")}
    others = built - sdists - pure - node
    assert built - others == sdists | pure | node
    assert {name.split("-")[0] for name in others} == {f"roomcast_{name}" for name in COMPILED}
    assert len(others) == len(COMPILED)


@pytest.mark.parametrize("name", sorted(COMPILED))
def test_only_a_wheel_with_compiled_modules_has_a_platform_tag(artifacts: Path, name: str) -> None:
    with wheel(artifacts, name) as archive:
        modules = [path for path in archive.namelist() if path.endswith(".so")]
        assert archive.filename is not None
        assert bool(modules) == ("-none-any" not in archive.filename)
    assert bool(modules) == (build.missing() is None)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_wheel_contains_only_its_own_typed_packages(artifacts: Path, name: str) -> None:
    with wheel(artifacts, name) as archive:
        files = archive.namelist()
    tops = {path.split("/")[0] for path in files if ".dist-info/" not in path}
    assert tops == {"roomcast"}
    assert {path.split("/")[1] for path in files if path.startswith("roomcast/")} == PACKAGES[name]
    assert {f"roomcast/{package}/py.typed" for package in PACKAGES[name]} <= set(files)
    assert any(path.endswith("/licenses/LICENSE") for path in files)
    assert [path for path in files if path.endswith((".c", ".pyc"))] == []
    assert name in COMPILED or not any(path.endswith(".so") for path in files)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_wheel_metadata_has_version_licence_pinned_siblings_and_readme(artifacts: Path, name: str) -> None:
    with wheel(artifacts, name) as archive:
        text = archive.read(f"roomcast_{name}-{current()}.dist-info/METADATA").decode()
    metadata = Parser().parsestr(text)
    assert metadata["Version"] == current()
    assert metadata["License-Expression"] == "MIT"
    inner = {line for line in metadata.get_all("Requires-Dist", []) if line.startswith("roomcast-")}
    project = tomllib.loads((ROOT / name / "pyproject.toml").read_text())["project"]
    siblings = {line.partition("==")[0] for line in project["dependencies"] if line.startswith("roomcast-")}
    assert inner == {f"{sibling}=={current()}" for sibling in siblings}
    assert bool(inner) == (name != "wire")
    assert str(metadata.get_payload()).startswith(f"# roomcast-{name}\n")


def test_the_contract_wheel_contains_lua_scripts(artifacts: Path) -> None:
    with wheel(artifacts, "contract") as archive:
        assert "roomcast/contract/scripts/rooms/room_append.lua" in archive.namelist()


def test_the_adapter_sdist_contains_cython_sources_and_no_compiled_module(artifacts: Path) -> None:
    with tarfile.open(artifacts / f"roomcast_adapter-{current()}.tar.gz") as archive:
        names = archive.getnames()
    assert sum(name.endswith((".pyx", ".pxd")) for name in names) >= 5
    assert not any(name.endswith(".so") for name in names)
