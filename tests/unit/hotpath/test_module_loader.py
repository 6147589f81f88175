"""The choice between the compiled and the plain form of a module. An outdated compiled form never runs."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from roomcast.engineio.limits import token_bucket
from roomcast.hotpath import build, module_loader, sources

ROOT = Path(__file__).resolve().parents[3]
NAMES = (
    "roomcast.adapter.order",
    "roomcast.adapter.plain_deliveries",
    "roomcast.adapter.redis.command_pipeline",
    "roomcast.engineio.limits.token_bucket",
    "roomcast.engineio.websocket.frame_receiver",
    "roomcast.engineio.websocket.kernels",
    "roomcast.engineio.write_buffer",
    "roomcast.gateway.chat.plain_sends",
    "roomcast.gateway.operations.byte_allowance",
    "roomcast.gateway.operations.histogram",
)


def test_all_modules_of_the_hot_path_are_found() -> None:
    assert tuple(source.name for source in sources.every()) == NAMES
    assert [source.code.suffix for source in sources.every()].count(".pyx") == 1


def compiled_in_a_fresh_process(wanted: str) -> list[str]:
    """Return the modules that run compiled with this value of ROOMCAST_HOTPATH."""
    code = (
        "import importlib; from roomcast.hotpath import module_loader\n"
        f"names = {NAMES}\n"
        "for name in names: importlib.import_module(name)\n"
        "print(*(name for name in names if module_loader.is_compiled(name)))"
    )
    env = {"ROOMCAST_HOTPATH": wanted, "PATH": ""}
    return subprocess.check_output([sys.executable, "-c", code], env=env, cwd=ROOT, text=True).split()


def test_all_modules_run_compiled_except_with_the_setting_python() -> None:
    if build.outdated():
        pytest.skip(build.missing() or pytest.fail("make compile"))
    assert tuple(compiled_in_a_fresh_process("auto")) == NAMES
    assert tuple(compiled_in_a_fresh_process("compiled")) == NAMES
    assert compiled_in_a_fresh_process("python") == []


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sources.Source:
    """Copy a hot-path module into a new folder, where it was never compiled."""
    folder = tmp_path / "roomcast" / "engineio" / "limits"
    folder.mkdir(parents=True)
    name = token_bucket.__name__
    original = sources.find(name)
    assert original is not None
    for suffix in (".py", ".pxd"):
        (folder / f"token_bucket{suffix}").write_bytes(original.pxd.with_suffix(suffix).read_bytes())
    monkeypatch.setattr(sources, "roots", lambda: [tmp_path / "roomcast"])
    monkeypatch.setattr(module_loader, "_loaded", set())
    monkeypatch.setattr(module_loader, "_warned", [])
    for cached in (sources.find, sources.fingerprint):
        cached.cache_clear()
        monkeypatch.setattr(sources, cached.__name__, cached.__wrapped__)
    found = sources.find(name)
    assert found is not None
    return found


def test_a_module_that_was_not_compiled_runs_in_python(copied: sources.Source) -> None:
    module_loader.prefer_compiled(copied.name, "auto")
    assert not module_loader.is_compiled(copied.name)
    with pytest.raises(ImportError, match=r"token_bucket is not compiled: make compile"):
        module_loader.prefer_compiled(copied.name, "compiled")


def test_an_outdated_build_is_not_used_and_causes_one_warning(copied: sources.Source) -> None:
    copied.target.parent.mkdir()
    copied.target.write_bytes(b"never loaded")
    copied.code.write_text(copied.code.read_text() + "\n# changed\n")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for _ in range(2):
            module_loader.prefer_compiled(copied.name, "auto")
    assert ["make compile" in str(each.message) for each in warned if each.category is RuntimeWarning] == [True]
    with pytest.raises(ImportError, match="from another source"):
        module_loader.prefer_compiled(copied.name, "compiled")


@pytest.mark.parametrize("suffix", [".py", ".pxd"])
def test_each_change_of_a_source_changes_the_name_of_the_compiled_file(copied: sources.Source, suffix: str) -> None:
    before = copied.target
    path = copied.pxd.with_suffix(suffix)
    path.write_text(path.read_text() + "\n# changed\n")
    assert copied.target != before


def test_a_module_needs_the_modules_that_it_cimports() -> None:
    needs = {source.name: source.needs for source in sources.every()}
    assert needs["roomcast.engineio.write_buffer"] == ["roomcast.engineio.websocket.kernels"]
    assert "roomcast.engineio.write_buffer" in needs["roomcast.gateway.chat.plain_sends"]


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(ValueError, match="auto, python or compiled"):
        module_loader.prefer_compiled(token_bucket.__name__, "fast")


def test_without_a_compiler_the_error_names_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: "no-such-compiler -O2")
    with pytest.raises(build.CannotCompileError, match=r"no C compiler \(no-such-compiler\)"):
        build.build(sources.every())


def test_without_python_headers_the_error_names_the_headers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    with pytest.raises(build.CannotCompileError, match="headers of this Python are missing"):
        build.build(sources.every())
