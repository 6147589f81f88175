"""The command line of a process: help, refused arguments, and exit statuses."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from roomcast.process import command, health_server
from roomcast.process.settings import ProcessSettings, SettingsError
from tests import settings


@pytest.fixture(autouse=True)
def own_mask() -> Iterator[None]:
    """Restore the signal mask after the test, because `command.main` blocks signals at its end."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run(
    patch: pytest.MonkeyPatch, *arguments: str, ending: Exception | None = None, outcome: bool | None = None
) -> int:
    """Run `python -m sample`. Its work returns `outcome` at once, or raises `ending`."""

    async def work(_: ProcessSettings) -> bool | None:
        if ending is not None:
            raise ending
        return outcome

    settings.use(patch, ROOMCAST_REDIS_URL="redis://127.0.0.1")
    patch.setattr("sys.argv", ["sample", *arguments])
    return command.main("sample", ProcessSettings, "python -m sample: a sample", work)


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_lists_the_environment_variables(
    word: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, word) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("python -m sample: a sample\n\n  ROOMCAST_REDIS_URL")
    assert shown.err == ""


def test_any_argument_other_than_help_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--port") == 2
    assert settings.one_line_of(capsys).startswith("roomcast sample: takes no arguments but --help")


@pytest.mark.parametrize(("outcome", "status"), [(None, 0), (True, 0), (False, 1)])
def test_the_exit_status_is_one_only_if_the_work_returns_false(
    outcome: bool | None, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, outcome=outcome) == status


def test_a_settings_error_ends_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, ending=SettingsError("no such key")) == 2
    assert settings.one_line_of(capsys) == "roomcast sample: no such key"


def test_a_port_in_use_ends_the_start_with_one_line_that_names_the_port(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work(_: ProcessSettings) -> None:
        async with health_server.serve("127.0.0.1", port, lambda: True, bytes):
            raise AssertionError

    settings.use(monkeypatch, ROOMCAST_REDIS_URL="redis://127.0.0.1")
    monkeypatch.setattr("sys.argv", ["sample"])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = command.main("sample", ProcessSettings, "", work)
    error = settings.one_line_of(capsys)
    assert status == 1
    assert error.startswith("roomcast sample: cannot listen: ")
    assert str(port) in error


SIGNAL_DURING_EXIT = """
import atexit, os, signal, sys
from roomcast.process import command
from roomcast.process.settings import ProcessSettings

async def work(settings):
    atexit.register(os.kill, os.getpid(), signal.SIGTERM)

sys.argv = ["sample"]
raise SystemExit(command.main("sample", ProcessSettings, "", work))
"""


def test_a_signal_during_the_exit_does_not_change_the_exit_status() -> None:
    environment = {"ROOMCAST_REDIS_URL": "redis://127.0.0.1"}
    ended = subprocess.run(
        [sys.executable, "-c", SIGNAL_DURING_EXIT], env=environment, capture_output=True, text=True, timeout=60
    )

    assert (ended.returncode, ended.stderr) == (0, "")
