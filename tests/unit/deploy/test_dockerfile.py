"""The Dockerfile copies every package of the npm and Python workspaces before it installs."""

from __future__ import annotations

import json
import tomllib

from deploy.layout import ROOT

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def test_every_package_of_the_web_workspace_is_copied_before_the_install() -> None:
    workspaces = json.loads((ROOT / "web" / "package.json").read_text())["workspaces"]
    before_install, install, _ = DOCKERFILE.partition("RUN npm ci")
    assert workspaces
    assert install
    for folder in workspaces:
        assert f"COPY web/{folder}/package.json {folder}/" in before_install


def test_every_package_of_the_python_workspace_is_copied_before_the_sync() -> None:
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    before_sync, sync, _ = DOCKERFILE.partition("RUN uv sync")
    assert members
    assert sync
    for folder in members:
        assert f"COPY {folder} {folder}\n" in before_sync
