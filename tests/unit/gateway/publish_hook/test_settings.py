"""The setting of the publish hook is a JSON object. A gateway with a bad setting prints one line and ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from roomcast.gateway.config import Config
from roomcast.gateway.publish_hook.settings import PublishHookSettings
from roomcast.process.settings import load

GOOD: dict[str, Any] = {"url": "https://chat.example.com/hook", "secret": "s" * 32, "on_failure": "refuse"}


def loaded(monkeypatch: pytest.MonkeyPatch, value: str) -> Config:
    monkeypatch.setenv("ROOMCAST_REDIS_URL", "redis://localhost")
    monkeypatch.setenv("ROOMCAST_JWT_SECRET", "j" * 32)
    monkeypatch.setenv("ROOMCAST_PUBLISH_HOOK", value)
    return load(Config, "gateway")


def test_an_empty_setting_means_no_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, "").publish_hook is None


def test_the_setting_is_a_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    hook = loaded(monkeypatch, json.dumps(GOOD | {"rooms": ["team:*"], "deadline_seconds": 0.5})).publish_hook
    assert hook is not None
    assert (hook.url, hook.rooms, hook.deadline_seconds, hook.allow_private) == (GOOD["url"], ("team:*",), 0.5, False)
    assert "ssss" not in repr(hook)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on_failure": None}, "on_failure"),
        ({"on_failure": "open"}, "on_failure"),
        ({"secret": "short"}, "secret: 32 bytes"),
        ({"url": "chat.example.com"}, "url: https://"),
        ({"url": "ftp://chat.example.com"}, "url: https://"),
        ({"url": "https://user:pass@chat.example.com"}, "url: no user"),
        ({"url": "http://chat.example.com"}, "url: http://"),
        ({"url": "https://127.0.0.1/"}, "url: a private address"),
        ({"url": "https://[::1]/"}, "url: a private address"),
        ({"url": "https://169.254.169.254/"}, "url: a private address"),
        ({"deadline_seconds": 60}, "deadline_seconds"),
        ({"rooms": []}, "rooms"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_with_a_bad_setting_the_gateway_prints_one_line_and_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SystemExit):
        loaded(monkeypatch, json.dumps({key: value for key, value in (GOOD | change).items() if value is not None}))
    line = capsys.readouterr().err
    assert line.startswith("roomcast gateway: ROOMCAST_PUBLISH_HOOK")
    assert message in line
    assert line.count("\n") == 1


def test_a_setting_that_is_not_json_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        loaded(monkeypatch, "https://chat.example.com/hook")
    assert "no JSON" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://[::1]/", "https://10.0.0.1/hook"])
def test_private_addresses_are_allowed_with_the_flag_allow_private(url: str) -> None:
    assert PublishHookSettings(**GOOD | {"url": url, "allow_private": True}).url == url
