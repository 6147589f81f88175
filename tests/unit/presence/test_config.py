"""The settings of a sweeper; `process/test_settings.py` tests the settings that all processes have."""

from __future__ import annotations

import pytest

from roomcast.presence.config import Config
from roomcast.process.settings import load
from tests import settings


def test_only_the_redis_url_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.use(monkeypatch, ROOMCAST_REDIS_URL="redis://localhost/1")
    assert load(Config, "presence").metrics_port == 8381


@pytest.mark.parametrize("port", ["-1", "65536", "soon"])
def test_an_invalid_port_is_refused(
    port: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.use(monkeypatch, ROOMCAST_REDIS_URL="redis://localhost", ROOMCAST_METRICS_PORT=port)
    with pytest.raises(SystemExit):
        load(Config, "presence")
    assert "ROOMCAST_METRICS_PORT" in settings.one_line_of(capsys)
