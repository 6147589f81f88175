"""What a sweeper alone can be told; `process/test_settings.py` holds what all processes have in common."""

from __future__ import annotations

import pytest

from roomcast.presence.config import Config
from roomcast.process.settings import load
from tests import settings


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.use(monkeypatch, ROOMCAST_REDIS_URL="redis://localhost/1")
    made = load(Config, "presence")
    assert (made.metrics_port, made.sweep_seconds) == (8381, 2.0)


@pytest.mark.parametrize("seconds", ["0", "6", "soon"])
def test_a_pass_comes_often_enough(
    seconds: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.use(monkeypatch, ROOMCAST_REDIS_URL="redis://localhost", ROOMCAST_SWEEP_SECONDS=seconds)
    with pytest.raises(SystemExit):
        load(Config, "presence")
    assert "ROOMCAST_SWEEP_SECONDS" in settings.one_line_of(capsys)
