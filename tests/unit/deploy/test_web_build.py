"""The fingerprint of the page's sources. While it is the same, the existing build is used."""

from __future__ import annotations

from pathlib import Path

from deploy import web_build


def sources(folder: Path) -> Path:
    for name in ("src/a.ts", "index.html", "node_modules/x/index.js", "dist/index.html", ".cache/y"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def test_a_changed_or_new_source_changes_the_fingerprint(tmp_path: Path) -> None:
    before = web_build.fingerprint(sources(tmp_path))
    (tmp_path / "src" / "a.ts").write_text("changed")
    changed = web_build.fingerprint(tmp_path)
    (tmp_path / "src" / "b.ts").write_text("")
    assert len({before, changed, web_build.fingerprint(tmp_path)}) == 3


def test_a_renamed_file_changes_the_fingerprint(tmp_path: Path) -> None:
    before = web_build.fingerprint(sources(tmp_path))
    (tmp_path / "src" / "a.ts").rename(tmp_path / "src" / "z.ts")
    assert web_build.fingerprint(tmp_path) != before


def test_installed_packages_built_files_and_caches_do_not_change_the_fingerprint(tmp_path: Path) -> None:
    before = web_build.fingerprint(sources(tmp_path))
    for name in ("node_modules/x/index.js", "dist/index.html", ".cache/y"):
        (tmp_path / name).write_text("changed")
    assert web_build.fingerprint(tmp_path) == before


def test_a_build_with_the_current_fingerprint_is_not_built_again(tmp_path: Path) -> None:
    web, state = sources(tmp_path / "web"), tmp_path / "state"
    state.mkdir()
    (state / "page.stamp").write_text(web_build.fingerprint(web))
    messages: list[str] = []
    assert web_build.ensure(sources=web, state=state, say=messages.append) == web / "dist"
    assert messages == []
