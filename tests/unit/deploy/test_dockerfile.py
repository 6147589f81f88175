"""The Dockerfile copies the manifest of each npm package before `npm ci`, and each Python package before `uv sync`."""

from __future__ import annotations

import json
import tomllib

from deploy.layout import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def test_the_manifest_of_every_npm_package_is_copied_before_npm_ci() -> None:
    workspaces = json.loads((ROOT / "web" / "package.json").read_text())["workspaces"]
    before_install, install, _ = DOCKERFILE.partition("RUN npm ci")
    assert workspaces
    assert install
    for folder in workspaces:
        assert f"COPY web/{folder}/package.json {folder}/" in before_install


def test_every_package_of_the_python_workspace_is_copied_before_uv_sync() -> None:
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    before_sync, sync, _ = DOCKERFILE.partition("RUN uv sync")
    assert members
    assert sync
    for folder in members:
        assert f"COPY {folder} {folder}\n" in before_sync
