"""Which hot path is used, and that a stale one never is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from roomcast.hotpath import build, choice
from tests.unit.hotpath.conftest import compiled

ROOT = Path(__file__).resolve().parents[3]


def used(wanted: str) -> str:
    """What a fresh process uses when this is wanted."""
    ask = "import roomcast.hotpath as h; print(h.FastPath.__module__, h.compiled is not None)"
    return subprocess.check_output(
        [sys.executable, "-c", ask], env={"ROOMCAST_HOTPATH": wanted, "PATH": ""}, cwd=ROOT, text=True
    ).strip()


def test_the_compiled_one_is_used_unless_the_other_is_wanted() -> None:
    compiled()
    assert used("auto") == used("compiled") == "roomcast.hotpath.compiled True"
    assert used("python") == "roomcast.hotpath.lane False"


def test_a_stale_one_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roomcast.hotpath.choice.importlib.import_module", lambda name: SimpleNamespace(SOURCE="older"))
    with pytest.warns(RuntimeWarning, match="make compile"):
        assert choice.load("auto") is None
    with pytest.raises(ImportError, match="make compile"):
        choice.load("compiled")


def test_a_missing_one_is_no_reason_to_fail_unless_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "MODULE", "roomcast.hotpath.not_there")
    assert choice.load("auto") is None
    with pytest.raises(ImportError):
        choice.load("compiled")


def test_another_wish_is_refused() -> None:
    with pytest.raises(ValueError, match="auto, python or compiled"):
        choice.load("fast")


def test_without_a_compiler_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("roomcast.hotpath.build.sysconfig.get_config_var", lambda name: "no-such-compiler -O2")
    with pytest.raises(build.CannotCompileError, match=r"no C compiler \(no-such-compiler\)"):
        build.build()


def test_without_headers_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("roomcast.hotpath.build.shutil.which", lambda name: name)
    monkeypatch.setattr("roomcast.hotpath.build.sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    with pytest.raises(build.CannotCompileError, match="headers of this Python are missing"):
        build.build()
