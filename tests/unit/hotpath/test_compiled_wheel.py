"""Wheels contain the compiled hot path if a C compiler exists, unless plain Python is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roomcast.hotpath import build, compiled_wheel

ROOT = Path(__file__).resolve().parents[3]


def wheel_of(distribution: str) -> dict[str, Any]:
    """Return the build data that hatchling gets for the wheel."""
    data: dict[str, Any] = {"force_include": {}, "pure_python": True}
    compiled_wheel.add_compiled(ROOT / distribution, data)
    return data


@pytest.mark.parametrize(("distribution", "count"), [("adapter", 7), ("gateway", 3)])
def test_the_compiled_modules_are_in_the_wheel(monkeypatch: pytest.MonkeyPatch, distribution: str, count: int) -> None:
    if build.outdated():
        pytest.skip(
            build.missing() or pytest.fail("the compiled hot path is missing or out of date: run `make compile`")
        )
    monkeypatch.setattr(compiled_wheel, "WANTED", "auto")
    data = wheel_of(distribution)
    assert (data["pure_python"], data["infer_tag"], len(data["force_include"])) == (False, True, count)
    for source, target in data["force_include"].items():
        assert Path(source).is_file()
        assert target.startswith("roomcast/")
        assert "/_compiled/" in target


def _cannot(modules: object) -> None:
    raise build.CannotCompileError("there is no C compiler (cc)")


def test_without_a_compiler_the_wheel_is_plain_python_or_the_build_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compiled_wheel, "WANTED", "auto")
    monkeypatch.setattr(build, "build", _cannot)
    assert wheel_of("adapter") == {"force_include": {}, "pure_python": True}
    assert "no C compiler" in capsys.readouterr().out
    monkeypatch.setattr(compiled_wheel, "WANTED", "compiled")
    with pytest.raises(build.CannotCompileError):
        wheel_of("adapter")


def test_the_wheel_is_plain_if_plain_python_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled_wheel, "WANTED", "python")
    assert wheel_of("adapter") == {"force_include": {}, "pure_python": True}
