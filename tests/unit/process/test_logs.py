"""Log lines: those of ours and those of libraries look the same."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from roomcast.process import logs


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    structlog.get_logger("ours").info("started", port=1)
    logging.getLogger("library").warning("odd: %s", "thing")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["port"], ours["level"]) == ("started", 1, "info")
    assert (theirs["event"], theirs["level"]) == ("odd: thing", "warning")
    assert ours["timestamp"].endswith("Z")


def test_text_to_a_file_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "text")
    structlog.get_logger("ours").info("started", port=1)
    line = capsys.readouterr().err
    assert "started" in line
    assert "port=1" in line
    assert "\x1b" not in line


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json")
    structlog.get_logger("ours").info("started")
    logging.getLogger("library").info("chatter")
    assert capsys.readouterr().err == ""
