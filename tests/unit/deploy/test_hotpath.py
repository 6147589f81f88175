"""When the hot path is compiled, and what is said when it cannot be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy import hotpath
from roomcast.hotpath import build


@pytest.fixture(autouse=True)
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sources of its own, so that nothing in the checkout is rebuilt under the feet of the other tests."""
    folder = tmp_path / "hotpath"
    folder.mkdir()
    for name in ("compiled.pyx", "build.py"):
        (folder / name).write_bytes((hotpath.SOURCES / name).read_bytes())
    monkeypatch.setattr(hotpath, "SOURCES", folder)
    return folder


class Builder:
    """Stands where `subprocess.run` does: makes the module, or fails as a compiler does."""

    def __init__(self, *, error: str = "") -> None:
        self.error = error
        self.runs = 0

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.runs += 1
        if not self.error:
            hotpath.module().touch()
        return subprocess.CompletedProcess(command, bool(self.error), "", self.error)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    made = Builder()
    monkeypatch.setattr(subprocess, "run", made)
    return made


def test_it_is_built_once(tmp_path: Path, builder: Builder) -> None:
    said: list[str] = []
    assert hotpath.ensure(state=tmp_path, say=said.append)
    assert hotpath.ensure(state=tmp_path, say=said.append)
    assert builder.runs == 1
    assert said == ["compiling the gateways' hot path"]


def test_another_source_is_built_again(tmp_path: Path, builder: Builder, beside: Path) -> None:
    hotpath.ensure(state=tmp_path)
    (beside / "compiled.pyx").write_text("# changed")
    assert hotpath.ensure(state=tmp_path)
    assert builder.runs == 2


def test_a_module_that_is_gone_is_built_again(tmp_path: Path, builder: Builder) -> None:
    hotpath.ensure(state=tmp_path)
    hotpath.module().unlink()
    assert hotpath.ensure(state=tmp_path)
    assert builder.runs == 2


def test_without_a_compiler_it_says_so_and_tries_again(tmp_path: Path, builder: Builder) -> None:
    builder.error = "noise\nroomcast: there is no C compiler (cc)\n"
    said: list[str] = []
    assert not hotpath.ensure(state=tmp_path, say=said.append)
    assert said[-1].endswith("at a lower speed: there is no C compiler (cc)")
    builder.error = ""
    assert hotpath.ensure(state=tmp_path, say=said.append)


def test_the_build_names_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(build.CannotCompileError, match="there is no C compiler"):
        build.build()
