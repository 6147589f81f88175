"""Log entries of Roomcast and of libraries have the same form."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest
import structlog

from roomcast.process import logs


def test_each_json_line_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_entries_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json")
    structlog.get_logger("ours").info("started")
    logging.getLogger("library").info("chatter")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_process_goes_on_if_its_log_pipe_has_no_reader(form: str) -> None:
    """After the kill of a supervisor, the log pipe of its children has no reader. Each write raises OSError."""
    script = (
        "import logging, structlog, sys; from roomcast.process import logs\n"
        "logs.configure('info', sys.argv[1]); sys.stdin.read()\n"
        "for _ in range(1000):\n"
        "    structlog.get_logger().info('ours', text='x' * 100); logging.getLogger('library').warning('theirs')\n"
        "print('still here')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, form],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stderr.close()
        process.stdin.close()
        assert process.stdout.read() == "still here\n"
