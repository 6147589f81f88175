"""The hot path is compiled if its source has changed. A failure is reported in one line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy import hotpath
from roomcast.hotpath import build, sources


class Builder:
    """A replacement of `subprocess.run`. It compiles all outdated modules, or fails with `error`."""

    def __init__(self) -> None:
        self.error = ""
        self.runs = 0
        self.outdated = [sources.every()[0]]

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        self.runs += 1
        if not self.error:
            self.outdated = []
        return subprocess.CompletedProcess(command, bool(self.error), "", self.error)


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    made = Builder()
    monkeypatch.setattr(subprocess, "run", made)
    monkeypatch.setattr(build, "outdated", lambda: made.outdated)
    return made


def test_the_hot_path_is_built_once(tmp_path: Path, builder: Builder) -> None:
    messages: list[str] = []
    assert hotpath.ensure(state=tmp_path, say=messages.append)
    assert hotpath.ensure(state=tmp_path, say=messages.append)
    assert builder.runs == 1
    assert messages == ["compiling the gateways' hot path"]


def test_a_changed_source_is_built_again(tmp_path: Path, builder: Builder) -> None:
    hotpath.ensure(state=tmp_path)
    builder.outdated = [sources.every()[1]]
    assert hotpath.ensure(state=tmp_path)
    assert builder.runs == 2


def test_a_missing_compiler_is_reported_and_the_build_is_tried_again(tmp_path: Path, builder: Builder) -> None:
    builder.error = "noise\nroomcast: there is no C compiler (cc)\n"
    messages: list[str] = []
    assert not hotpath.ensure(state=tmp_path, say=messages.append)
    assert messages[-1].endswith("at a lower speed: there is no C compiler (cc)")
    builder.error = ""
    assert hotpath.ensure(state=tmp_path, say=messages.append)
    assert builder.runs == 2
