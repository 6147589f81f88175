"""The sweeper's configuration: help, defaults, and one clear line for a mistake."""

from __future__ import annotations

import pytest

from presence import config
from presence.__main__ import main


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOMCAST_REDIS_URL", "redis://:secret@localhost/1")
    monkeypatch.delenv("ROOMCAST_HOST", raising=False)
    settings = config.load()
    assert (settings.host, settings.sweep_seconds) == ("127.0.0.1", 2.0)
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROOMCAST_REDIS_URL", None),
        ("ROOMCAST_REDIS_URL", "http://h"),
        ("ROOMCAST_METRICS_PORT", "many"),
        ("ROOMCAST_SWEEP_SECONDS", "0"),
        ("ROOMCAST_LOG_FORMAT", "xml"),
    ],
)
def test_a_bad_variable_is_one_line_and_status_2(
    name: str, value: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROOMCAST_REDIS_URL", "redis://localhost")
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    assert main([]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"presence: {name}: ")
    assert complaint.count("\n") == 1


def test_help_lists_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for name in config.Config.model_fields:
        assert f"ROOMCAST_{name.upper()}" in text


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep"]) == 2
    assert "usage" in capsys.readouterr().err
