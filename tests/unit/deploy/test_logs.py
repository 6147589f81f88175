"""The rotating logs of processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import logs
from deploy.logs import RotatingLog


def test_the_file_is_created_with_the_first_output(tmp_path: Path) -> None:
    RotatingLog(tmp_path / "a.log").close()
    assert list(tmp_path.iterdir()) == []


def test_a_new_log_appends_to_the_existing_file(tmp_path: Path) -> None:
    for word in (b"one\n", b"two\n"):
        log = RotatingLog(tmp_path / "a.log")
        log({"data": word})
        log.close()
    assert (tmp_path / "a.log").read_bytes() == b"one\ntwo\n"


def test_old_files_are_renamed_and_the_oldest_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 10)
    log = RotatingLog(tmp_path / "a.log")
    for number in range(6):
        log({"data": b"%d23456789\n" % number})
    log.close()
    files = {path.name: path.read_bytes()[:1] for path in tmp_path.iterdir()}
    assert files == {"a.log": b"5", "a.log.1": b"4", "a.log.2": b"3", "a.log.3": b"2"}


def test_last_words_returns_the_last_different_lines(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("a\nb\n  c\nd\n\n")
    assert logs.last_words(tmp_path / "a.log", 2) == "c | d"
    assert logs.last_words(tmp_path / "none.log") == ""
    (tmp_path / "again.log").write_text("first\nbad setting\nbad setting\nbad setting\n")
    assert logs.last_words(tmp_path / "again.log", 2) == "first | bad setting"


def test_follow_raises_an_error_without_log_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        logs.follow(tmp_path)
