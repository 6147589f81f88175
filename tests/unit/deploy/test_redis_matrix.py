"""The Redis servers from Debian packages: each runs with the linker and libraries of its own Debian release."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy import tools
from deploy.release import redis_matrix


def test_a_program_runs_with_the_libraries_of_its_own_debian_release(tmp_path: Path) -> None:
    """The linker may be in another folder than the other libraries, as in the packages of Debian 12."""
    linker = tmp_path / "lib" / "any-linux-gnu" / "ld-linux-any.so.2"
    linker.parent.mkdir(parents=True)
    linker.write_text('#!/bin/sh\necho "$@"\n')
    linker.chmod(0o755)
    launcher = tmp_path / "redis-server"
    redis_matrix._write_launcher(launcher, tmp_path, "valkey-server")
    arguments = subprocess.run([launcher, "--port", "1"], capture_output=True, text=True, check=True).stdout.split()
    libraries = f"{tmp_path}/usr/lib/any-linux-gnu:{tmp_path}/lib/any-linux-gnu"
    program = f"{tmp_path}/usr/bin/valkey-server"
    assert arguments == ["--library-path", libraries, "--argv0", "redis-server", program, "--port", "1"]


def test_packages_without_a_linker_are_refused(tmp_path: Path) -> None:
    with pytest.raises(tools.MissingTool, match="no dynamic linker"):
        redis_matrix._write_launcher(tmp_path / "redis-server", tmp_path, "redis-server")


@pytest.mark.parametrize(
    ("line", "mirror"),
    [
        ("URIs: http://mirror.example/debian", "http://mirror.example/debian"),
        ("deb [signed-by=/a] https://mirror.example/debian bookworm main", "https://mirror.example/debian"),
        ("deb http://mirror.example/debian/ bookworm main", "http://mirror.example/debian"),
        ("# http://mirror.example/debian", None),
        ("URIs: http://mirror.example/debian-security", None),
    ],
)
def test_the_mirror_is_read_from_a_source_and_not_from_a_comment(line: str, mirror: str | None) -> None:
    found = redis_matrix._MIRROR.search(line)
    assert (found and found[1]) == mirror
