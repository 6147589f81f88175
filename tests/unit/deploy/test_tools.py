"""Programs are found on the system or in unpacked packages, and old versions are refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy import tools
from deploy.tools import MissingTool


def unpacked(state: Path, version: str) -> Path:
    """Make a folder of unpacked packages, with a program that prints its library path."""
    program = state / "tools" / "root" / "usr" / "bin" / "redis-server"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\necho "Redis server v={version} $LD_LIBRARY_PATH $*"\n')
    program.chmod(0o755)
    tools._write_launcher(state / "tools", "redis-server")
    return state / "tools" / "bin" / "redis-server"


def test_the_launcher_sets_the_library_path_also_after_the_folder_has_moved(tmp_path: Path) -> None:
    unpacked(tmp_path / "a", "7.0.15")
    (tmp_path / "a").rename(tmp_path / "b c")
    launcher = tmp_path / "b c" / "tools" / "bin" / "redis-server"
    output = subprocess.run([launcher, "x y"], capture_output=True, text=True, check=True).stdout
    assert f"{tmp_path}/b c/tools/root/usr/lib" in output
    assert output.endswith(" x y\n")


def test_an_unpacked_program_is_used_if_the_system_has_no_such_program(tmp_path: Path) -> None:
    launcher = unpacked(tmp_path, "7.2.1")
    assert tools.require("redis-server", state=tmp_path, system=False) == launcher


def test_a_program_that_is_too_old_is_refused_in_one_line(tmp_path: Path) -> None:
    unpacked(tmp_path, "6.0.16")
    with pytest.raises(MissingTool, match=r"^redis-server 6\.0 is too old: 7\.0 or newer is needed$"):
        tools.require("redis-server", state=tmp_path, system=False)


def test_without_apt_the_error_names_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match=r"no apt-get here.*: redis-server redis-tools$"):
        tools.require("redis-server", state=tmp_path, system=False)


def test_packages_without_the_program_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(MissingTool, match="do not contain it"):
        tools._write_launcher(tmp_path, "nginx")
